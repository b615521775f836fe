"""`pertinence tune`: faster precisions are judged in place, and what passes is run from then on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pertinence.cli import judging
from pertinence.errors import ModelError
from pertinence.gate import GateReport, Limits, built_in
from pertinence.local.machine.precisions import EffectivePrecision
from pertinence.local.machine.processor import Processor
from pertinence.local.selection import reranker_spec
from pertinence.local.selection.reranker_spec import exact_backends, lower_precisions, resolve
from pertinence.local.selection.verdicts import GATE_FILE, passed
from pertinence.options import Options

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path) -> Iterator[Path]:
    """A cache of its own: a verdict of these tests must not choose for any other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERTINENCE_CACHE", str(tmp_path / "cache"))
        yield tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The embedded default before anybody judged it."""
    folder = shutil.copytree(resolve(Options()).folder, tmp_path / "model")
    (folder / GATE_FILE).unlink(missing_ok=True)
    return folder


def test_every_faster_precision_is_judged_and_the_fastest_that_passes_is_taken(
    command: Command, model: Path, own_sets: Path
) -> None:
    options = Options(model=str(model), device="cpu")
    judged = lower_precisions(options)
    assert resolve(options).dtype == "float32"
    # Not which of them pass is asked here, but that what passes is followed.
    ended = command("tune", str(model), "--ship", "--sets", str(own_sets), "--max-ndcg-loss", "0.1")
    assert ended.status == 0
    reports = [GateReport.of(each) for each in json.loads((model / GATE_FILE).read_text(encoding="utf-8"))]
    assert [(each.subject.candidate.backend, each.subject.candidate.dtype) for each in reports] == judged
    assert ended.out.count("verdict: ") == len(judged)
    proven = [verdict for verdict in passed(model) if (verdict.speed_ratio or 2) > 1]
    spec = resolve(options)
    expected = (proven[0].backend, proven[0].dtype) if proven else (spec.backend, "float32")
    assert (spec.backend, spec.dtype) == expected
    assert ended.out.splitlines()[-1] == f"{model} runs in {spec.dtype} on {spec.backend}: {spec.why}"


def test_without_ship_the_model_s_folder_is_left_as_it_was(
    command: Command, model: Path, own_sets: Path, cache: Path
) -> None:
    before = sorted(model.iterdir())
    assert command("tune", str(model), "--sets", str(own_sets)).status == 0
    assert sorted(model.iterdir()) == before
    if lower_precisions(Options(model=str(model))):
        assert list((cache / "verdicts").rglob("*.json"))


def test_only_the_forms_that_are_asked_for_are_judged(
    command: Command, model: Path, own_sets: Path, cache: Path
) -> None:
    forms = [
        f"{backend}/{dtype}" for backend, dtype in lower_precisions(Options(model=str(model), device="cpu"))
    ]
    if len(forms) < 2:
        pytest.skip("no choice of forms without torch or OpenVINO")
    ended = command("tune", str(model), "--ship", "--only", forms[-1], "--sets", str(own_sets))
    assert ended.status == 0
    (report,) = json.loads((model / GATE_FILE).read_text(encoding="utf-8"))
    assert f"{report['backend']}/{report['dtype']}" == forms[-1]


def test_a_form_that_cannot_be_judged_is_refused_with_those_that_can(
    command: Command, model: Path, own_sets: Path
) -> None:
    ended = command("tune", str(model), "--only", "torch/int8", "--sets", str(own_sets))
    assert ended.status == 2
    assert "--only torch/int8 is no faster form that can run here" in ended.err
    assert not (model / GATE_FILE).exists()


def test_float32_is_timed_on_every_backend_and_the_fastest_runs_it(
    command: Command, model: Path, own_sets: Path
) -> None:
    options = Options(model=str(model), device="cpu", dtype="float32")
    backends = exact_backends(options)
    if len(backends) < 2:
        pytest.skip("one backend alone is installed")
    ended = command("tune", str(model), "--sets", str(own_sets))
    timed = [line.split()[2] for line in ended.out.splitlines() if line.startswith("float32 on ")]
    assert sorted(timed) == sorted(backends)
    spec = resolve(options)
    assert spec.backend == timed[0], "the fastest comes first"
    assert "as measured here by tune" in spec.why


def test_a_precision_that_this_processor_lacks_is_left_out_with_the_reason(
    command: Command, model: Path, own_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    older = Processor(name="older", instructions=("avx2", "fma"))
    monkeypatch.setattr(reranker_spec, "processor", lambda: older)
    assert ("openvino", "bfloat16") not in lower_precisions(Options(model=str(model), device="cpu"))
    ended = command("tune", str(model), "--only", "openvino/bfloat16", "--sets", str(own_sets))
    assert ended.status == 2
    assert "no faster form that can run here (this processor has no bfloat16 products)" in ended.err


def test_a_form_that_computes_in_another_precision_is_not_judged(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its verdict would speak for a precision that did not run."""
    spec = resolve(Options(model=str(model), dtype="float32", device="cpu"))
    replaced = EffectivePrecision(dtype="float32", why="this processor has no bfloat16 products")
    judged = replace(spec, backend="openvino", dtype="bfloat16", computed=replaced)

    @contextmanager
    def apart(options: Options) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(spec=judged)

    monkeypatch.setattr(judging, "apart", apart)
    exact: Any = SimpleNamespace(spec=spec, name="the model")
    with pytest.raises(
        ModelError,
        match=r"openvino in bfloat16 cannot be judged on this machine: it computes in float32 \(this",
    ):
        judging.judge_beside(exact, Options(model=str(model), device="cpu"), [built_in()], Limits())
