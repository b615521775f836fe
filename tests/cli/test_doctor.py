"""`pertinence doctor`: what is installed, and what would run here and why."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

from pertinence.local.machine.cores import usable_cores
from pertinence.local.selection.reranker_spec import resolve, torch_installed
from pertinence.options import Options

Command = Callable[..., Any]


def test_the_report_tells_versions_processor_and_cache(command: Command) -> None:
    ended = command("doctor", "--json")
    assert (ended.status, ended.err) == (0, "")
    (report,) = ended.lines
    assert report["packages"]["onnxruntime"] == version("onnxruntime")
    assert report["packages"]["pertinence"] == version("pertinence")
    assert report["processor"]["cores"] == os.cpu_count()
    assert report["processor"]["threads"] == usable_cores()
    assert report["processor"]["why_threads"].startswith("one for each ")
    assert report["cache_folder"] == os.environ["PERTINENCE_CACHE"]


def test_the_choice_is_that_of_the_core(command: Command) -> None:
    (report,) = command("doctor", "--json").lines
    spec = resolve(Options())
    assert report["model"] == {
        "name": "pertinence-mini",
        "folder": str(spec.folder),
        "backend": spec.backend,
        "dtype": spec.dtype,
        "computes_in": spec.dtype,
        "device": "cpu",
        "batches": "padded to pairs of nearly equal length",
        "why": spec.why,
        "proven": report["model"]["proven"],
        "card": "pertinence-mini",
        "max_length": spec.max_length,
        "num_labels": 1,
    }


@pytest.mark.skipif(not torch_installed(), reason="the torch backend needs the extra 'torch'")
def test_options_change_the_choice(command: Command) -> None:
    (report,) = command("doctor", "--backend", "torch", "--dtype", "bfloat16", "--json").lines
    assert (report["model"]["backend"], report["model"]["dtype"]) == ("torch", "bfloat16")
    assert report["model"]["why"] == "asked for"


def test_the_report_can_be_read(command: Command) -> None:
    out = command("doctor").out
    assert f"onnxruntime{' ' * 27}{version('onnxruntime')}" in out
    assert f"  why          {resolve(Options()).why}" in out


def test_a_model_that_cannot_run_is_told_after_the_rest(command: Command) -> None:
    ended = command("doctor", "nowhere/at-all", "--json")
    report = json.loads(ended.out)
    assert ended.status == 2
    assert "nowhere/at-all was not found" in report["model"]["error"]
    assert report["packages"]["pertinence"] == version("pertinence")
    assert ended.err.startswith("pertinence doctor: error: nowhere/at-all was not found")
