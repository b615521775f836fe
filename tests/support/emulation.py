"""Processes that score, on the processor at hand or in emulation, and what they print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[1] / "processors" / "scoring.py"


@dataclass(frozen=True)
class Outcome:
    """Output of a scoring process, job by job."""

    instructions: list[str] | None
    automatic: str
    jobs: Mapping[str, Mapping[str, Any]]


Run = Callable[[Mapping[str, Mapping[str, Any]]], Outcome]


def runner(before: list[str], cpuinfo: str, cache: Path) -> Run:
    """A function that scores jobs in a process of its own.

    Args:
        before: the command of an emulator, or nothing.
        cpuinfo: a file that describes the processor, as Linux does in /proc/cpuinfo.
        cache: the folder for what is converted.
    """

    def run(jobs: Mapping[str, Mapping[str, Any]]) -> Outcome:
        command = [*before, sys.executable, str(SCRIPT), cpuinfo, json.dumps(list(jobs.values()))]
        environment = {
            **os.environ,
            "PERTINENCE_CACHE": str(cache),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        # The conftest of the root sets it for this process alone.
        environment.pop("ONEDNN_MAX_CPU_ISA", None)
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
        # QEMU warns of each feature that it cannot emulate.
        told = re.sub(r"^qemu.*warning: TCG doesn't.*\n", "", ended.stderr, flags=re.MULTILINE)
        assert ended.returncode == 0, told
        printed = json.loads(ended.stdout)
        return Outcome(
            instructions=printed["instructions"],
            automatic=printed["automatic"],
            jobs=dict(zip(jobs, printed["jobs"], strict=True)),
        )

    return run
