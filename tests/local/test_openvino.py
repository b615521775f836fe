"""The OpenVINO backend: files that it reads, files that are damaged, and what it keeps in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pertinence import Reranker
from pertinence.errors import ModelError
from pertinence.local.machine.processor import Processor
from pertinence.local.runtimes.conversion.networks import network_file
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from support.models import build
from support.texts import QUERY, passages

openvino = pytest.importorskip("openvino")
pytest.importorskip("torch", reason="building a model folder needs the extra 'torch'")

TEXTS = passages(20)


def test_the_files_that_a_model_brings_are_read_without_its_weights(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    with Reranker(model_folder("tiny"), backend="openvino", dtype="float32") as reranker:
        converted = reranker.score(QUERY, TEXTS)
    spec = resolve(Options(model=str(model_folder("tiny")), backend="openvino"))
    folder = shutil.copytree(model_folder("tiny"), tmp_path / "own")
    network = openvino.Core().read_model(network_file(spec, "openvino", "float32"))
    openvino.save_model(network, folder / "openvino_model.xml", compress_to_fp16=False)
    (folder / "model.safetensors").unlink()
    with Reranker(folder, backend="openvino", dtype="float32") as reranker:
        np.testing.assert_allclose(reranker.score(QUERY, TEXTS), converted, atol=1e-6)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = build("tiny", tmp_path / "damaged")
    (folder / "openvino_model.xml").write_text("<net", encoding="utf-8")
    with (
        Reranker(folder, backend="openvino") as reranker,
        pytest.raises(ModelError, match=r"openvino_model\.xml cannot be loaded by OpenVINO"),
    ):
        reranker.rank(QUERY, TEXTS)


def test_a_damaged_compiled_model_is_compiled_again(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    with Reranker(backend="openvino", dtype="float32", cache_folder=cache) as reranker:
        before = reranker.score(QUERY, TEXTS)
    blobs = list((tmp_path / "cache").rglob("*.blob"))
    assert blobs
    for blob in blobs:
        blob.write_bytes(blob.read_bytes()[:1000])
    with Reranker(backend="openvino", dtype="float32", cache_folder=cache) as reranker:
        np.testing.assert_array_equal(reranker.score(QUERY, TEXTS), before)


def test_what_other_instructions_compiled_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for level in ("AVX2", "DEFAULT"):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", level)
        with Reranker(backend="openvino", dtype="float32", cache_folder=str(tmp_path)) as reranker:
            reranker.score(QUERY, TEXTS)
    blobs = list(tmp_path.rglob("*.blob"))
    assert len({blob.parent for blob in blobs}) == len(blobs) == 2


def test_an_answer_is_not_overwritten_by_the_next_run(model_folder: Callable[[str], Path]) -> None:
    with Reranker(model_folder("tiny"), backend="openvino", dtype="float32") as reranker:
        first = reranker.score(QUERY, TEXTS)
        kept = first.copy()
        reranker.score("another question", TEXTS)
        np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("further", "hint"), [((), "f32"), (("avx512_bf16",), "bf16")])
def test_what_is_not_int8_is_bfloat16_only_where_the_processor_has_it(
    further: tuple[str, ...], hint: str, model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imitated, it took 15 times as long as float32."""
    from pertinence.local.runtimes import openvino as backend

    here = Processor(name="some", instructions=("avx2", "avx512f", "avx512_vnni", *further))
    monkeypatch.setattr(backend, "processor", lambda: here)
    spec = resolve(Options(model=str(model_folder("tiny")), backend="openvino", dtype="int8"))
    assert backend._settings(spec)["INFERENCE_PRECISION_HINT"] == hint
