"""The Python snippets of the Markdown pages as tests: `nox -s readme` names the pages to run."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

sys.path.insert(0, str(Path(__file__).parent / "tests"))
# On a processor with AMX, OpenVINO 2026.4 compiles a bfloat16 network that cannot run, where the same process
# has compiled it in float32 before. Tests do that all the time: so they compute without AMX.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
# Where several processes share the tests, each keeps to a core: else the threads of their runtimes, one for
# each core in each process, would wait for one another.
if (_worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_worker.removeprefix("gw")) % len(_cores)]})


def serve(namespace: MutableMapping[str, Any]) -> None:
    """Before the first snippet of a page: the servers that snippets speak of, on loopback."""
    from readme.gateway import serving

    namespace["_served"] = ExitStack()
    namespace["_served"].enter_context(serving())


def stop(namespace: MutableMapping[str, Any]) -> None:
    """After the last one."""
    namespace["_served"].close()


# Why sybil: a snippet runs in the namespace of those before it on its page, as a reader types them; a
# `>>>` in one is checked against what it prints; and it needs no library but itself.
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"], setup=serve, teardown=stop
).pytest()
