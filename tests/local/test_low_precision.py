"""What happens where the precision or the backend that nobody asked for does not do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pertinence import Reranker
from pertinence.errors import ModelError, ScoreError
from pertinence.local.batches.batching import Pair
from pertinence.local.files.fingerprint import fingerprint
from pertinence.local.machine.precisions import effective_precision
from pertinence.local.machine.processor import processor
from pertinence.local.selection.verdicts import runtimes_of, store
from pertinence.local.serving.reranker_model import RerankerModel
from pertinence.options import Options
from support.models import build
from support.texts import QUERY, passages

torch = pytest.importorskip("torch")

TEXTS = passages(12)
# Finite in float32, infinite once it is rounded to bfloat16.
TOO_LARGE = 3.4e38


@pytest.fixture
def overflowing(tmp_path: Path) -> Path:
    """A model whose logits are numbers in float32 alone."""
    from safetensors.torch import load_file, save_file

    folder = build("tiny", tmp_path / "overflowing")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"].fill_(TOO_LARGE)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def let_pass(folder: Path, cache: Path, backend: str, dtype: str) -> None:
    """Store the verdict that this model may be run so."""
    here = processor()
    report = {
        "fingerprint": fingerprint(folder, str(cache)),
        "backend": backend,
        "dtype": dtype,
        "verdict": "passed",
        "lowered": [],
        "figures": {"speed_ratio": 2.0},
        "processor": {"name": here.name, "instructions": here.instructions and list(here.instructions)},
        "runtimes": runtimes_of(backend),
    }
    assert store(report, str(cache))


def test_infinity_in_a_precision_that_was_asked_for_is_an_error_that_suggests_float32(
    overflowing: Path,
) -> None:
    with (
        Reranker(overflowing, backend="torch", dtype="bfloat16") as reranker,
        pytest.raises(ScoreError, match=r"for document 0 .*in bfloat16; dtype='float32' may help"),
    ):
        reranker.rank(QUERY, TEXTS)


def test_a_runtime_that_fails_in_a_precision_that_nobody_asked_for_is_sent_back_to_float32(
    model_folder: Callable[[str], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As OpenVINO 2026.4 does now and then, in a network that it compiled for a processor with AMX."""
    pytest.importorskip("openvino")
    if effective_precision("openvino", "bfloat16", processor()).dtype != "bfloat16":
        pytest.skip("this processor has no bfloat16 products, so OpenVINO runs nothing in it (precision.md)")
    from pertinence.local.runtimes.openvino import OpenvinoBackend

    opened, run = OpenvinoBackend.__init__, OpenvinoBackend.run

    def open_and_note(backend, spec, reader):
        backend.low = spec.dtype == "bfloat16"
        opened(backend, spec, reader)

    def fail(backend, batch):
        if backend.low:
            raise RuntimeError("Exception from a file:\nFailed to broadcast work_amount\n")
        return run(backend, batch)

    folder = model_folder("tiny")
    let_pass(folder, tmp_path, "openvino", "bfloat16")
    with Reranker(folder, backend="openvino", dtype="float32", cache_folder=str(tmp_path)) as whole:
        expected = whole.score(QUERY, TEXTS)
    monkeypatch.setattr(OpenvinoBackend, "__init__", open_and_note)
    monkeypatch.setattr(OpenvinoBackend, "run", fail)
    with (
        caplog.at_level(logging.WARNING, "pertinence"),
        Reranker(folder, backend="openvino", cache_folder=str(tmp_path)) as reranker,
    ):
        np.testing.assert_array_equal(reranker.score(QUERY, TEXTS), expected)
    (line,) = [record.message for record in caplog.records if "float32" in record.message]
    assert line.endswith("failed (Failed to broadcast work_amount) in bfloat16 and goes on in float32")
    asked = Reranker(folder, backend="openvino", dtype="bfloat16", cache_folder=str(tmp_path))
    with asked as reranker, pytest.raises(ModelError, match="Failed to broadcast"):
        reranker.score(QUERY, TEXTS)


def test_infinity_in_a_precision_that_nobody_asked_for_sends_the_model_back_to_float32(
    overflowing: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    let_pass(overflowing, tmp_path, "torch", "bfloat16")
    with (
        caplog.at_level(logging.WARNING, "pertinence"),
        Reranker(
            overflowing, backend="torch", score_kind="logit", device="cpu", cache_folder=str(tmp_path)
        ) as reranker,
    ):
        for _ in range(2):
            np.testing.assert_allclose(reranker.score(QUERY, TEXTS), TOO_LARGE, rtol=1e-6)
    # A processor without bfloat16 products is told of that, too.
    (line,) = [record.message for record in caplog.records if "goes on in" in record.message]
    assert line.endswith("gave NaN or infinity in bfloat16 and goes on in float32")


def test_a_batch_that_was_on_its_way_and_a_second_device_go_back_to_float32_too(
    overflowing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pertinence.local.runtimes.torch import devices

    let_pass(overflowing, tmp_path, "torch", "bfloat16")
    # Two copies in this memory stand for two cards.
    monkeypatch.setattr(devices, "places", lambda asked: ("cpu", "cpu"))
    model = RerankerModel(
        Options(model=str(overflowing), backend="torch", device="cpu", cache_folder=str(tmp_path))
    )
    pairs = [Pair(None, place, np.arange(5, 9 + place, dtype=np.int32), 1) for place in range(3)]
    for worker in (0, 1):
        model.load(worker)
    started = [model.start(pairs, worker) for worker in (0, 0, 1, 1)]
    for collect in started:
        np.testing.assert_allclose(np.asarray(collect()), TOO_LARGE, rtol=1e-6)
    assert model.spec.dtype == "float32"


def test_a_model_that_cannot_be_converted_runs_on_torch_if_no_backend_was_asked_for(
    model_folder: Callable[[str], Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = pytest.importorskip("pertinence.local.runtimes.conversion.export")
    # No conversion is that exact: the proof of every one fails, as for a network that the exporter misreads.
    monkeypatch.setattr(export, "_TOLERANCE", 0.0)
    folder = model_folder("electra-L2")
    with (
        caplog.at_level(logging.WARNING, "pertinence"),
        Reranker(folder, device="cpu", cache_folder=str(folder.parent / "empty")) as reranker,
        Reranker(folder, backend="torch", dtype="float32", device="cpu") as torch_itself,
    ):
        np.testing.assert_array_equal(reranker.score(QUERY, TEXTS), torch_itself.score(QUERY, TEXTS))
    assert "runs on torch" in caplog.text
    with (
        Reranker(folder, backend="onnx", cache_folder=str(folder.parent / "empty")) as asked,
        pytest.raises(ModelError, match="its ONNX form gives numbers"),
    ):
        asked.rank(QUERY, TEXTS)
