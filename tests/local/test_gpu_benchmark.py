"""The benchmark of accelerators: it will be run once on a rented card, so nothing may cost it its figures."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.waiting import HANGS

ROOT = Path(__file__).parents[2]
torch = pytest.importorskip("torch")


def test_every_stage_leaves_its_figures(tmp_path: Path) -> None:
    paths = (ROOT, ROOT / "tests", ROOT / "shared_core" / "src")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--device", "cpu", "--out", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        check=True,
        timeout=HANGS,
        stdout=subprocess.DEVNULL,
    )
    found = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert list(found["stages"]) == ["machine", "throughput", "latency", "callers", "long", "graphs"]
    assert not found["notes"]
    by_name = {row["who"]: row for row in found["stages"]["throughput"]}
    assert by_name["ours float32"]["drift"] < 1e-4
    assert all(row["pairs_per_second"] > 0 for row in by_name.values())
    assert "| tiny | st fastest |" in (tmp_path / "gpu.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", ["camembert-base", "mminilm-L6", "gte-base"])
def test_its_random_networks_are_tame_enough_to_be_packed(model: str, dtype: str, tmp_path: Path) -> None:
    """Else "ours" would be padded: what packs is held against padding, in the precision it computes in."""
    from benchmarks.gpu.workload import made
    from transformers import AutoModelForSequenceClassification

    from pertinence.local.runtimes.torch.packed import make_packed

    try:
        folder = made(model, tmp_path)
    except (AttributeError, ValueError) as error:
        pytest.skip(f"this transformers lacks it: {error}")
    kind = AutoModelForSequenceClassification
    network = kind.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    assert make_packed(network, ["reference"]) is not None


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., object]:
    from benchmarks.gpu.report import Report
    from benchmarks.gpu.stages import Bench

    def of(**changed: object) -> Bench:
        arguments = argparse.Namespace(
            **{"device": "cpu", "models": ["tiny"], "pairs": 8, "repeats": 1, "seconds": 60, "tiny": True}
            | changed
        )
        return Bench(arguments, tmp_path, Report(tmp_path / "out"), time.perf_counter())

    return of


def test_memory_that_is_not_given_back_costs_no_contender_its_turn(
    bench: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a recording that failed: torch's allocator may refuse for the rest of the process."""
    from benchmarks.gpu import stages

    def stuck() -> None:
        raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")

    monkeypatch.setattr(stages, "tidy", stuck)
    benched = bench()
    benched.run("throughput")  # type: ignore[attr-defined]
    report = benched.report  # type: ignore[attr-defined]
    assert [row["who"] for row in report.stages["throughput"]] == [
        *("st float32", "st bfloat16", "st fastest", "ours float32", "ours bfloat16")
    ]
    assert all("no memory was given back: captures_underway" in note for note in report.notes)


def test_a_contender_that_cannot_be_closed_is_noted_and_the_others_have_their_turn(
    bench: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.gpu import stages
    from benchmarks.gpu.contenders import Contender

    def lost() -> None:
        raise RuntimeError("an illegal memory access")

    def opened() -> Contender:
        return Contender(
            name="ours bfloat16",
            score=lambda query, texts: np.zeros(len(texts), dtype=np.float32),
            close=lost,
            facts=dict,
            whole=False,
        )

    monkeypatch.setattr(stages, "contenders", lambda folder, device: {"ours bfloat16": opened})
    benched = bench(models=["tiny", "tiny"])
    benched.run("callers")  # type: ignore[attr-defined]
    report = benched.report  # type: ignore[attr-defined]
    assert len(report.stages["callers"]) == 2
    assert report.notes == ["tiny, ours bfloat16: no memory was given back: an illegal memory access"] * 2


def test_a_model_or_a_stage_that_fails_is_noted_and_the_others_go_on(
    bench: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.gpu import stages
    from benchmarks.gpu.workload import made

    def one_fails(name: str, folder: Path) -> Path:
        if name == "gte-base":
            raise ImportError("no such architecture")
        return made(name, folder)

    def broken(bench: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(stages, "made", one_fails)
    monkeypatch.setitem(stages.STAGES, "latency", broken)
    benched = bench(models=["gte-base", "tiny"])
    for stage in ("latency", "callers"):
        benched.run(stage)  # type: ignore[attr-defined]
    report = benched.report  # type: ignore[attr-defined]
    assert [row["model"] for row in report.stages["callers"]] == ["tiny"]
    assert report.notes == [
        "latency: OSError: no space left on device",
        "gte-base cannot be made: ImportError: no such architecture",
    ]


def test_nothing_is_begun_when_the_time_is_over(bench: Callable[..., object]) -> None:
    benched = bench(seconds=0)
    benched.run("throughput")  # type: ignore[attr-defined]
    report = benched.report  # type: ignore[attr-defined]
    assert "throughput" not in report.stages
    assert "tiny, ours bfloat16: no time was left" in report.notes
