"""Precisions that a backend really computes in where the processor has no products of the one asked for.

The kinds of processors are written down here. That the runtimes really do so is shown on the processor at
hand by test_parity.py, and on one with AVX2 alone by tests/processors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pertinence import Reranker
from pertinence.local.machine.precisions import Backend, Dtype, effective_precision
from pertinence.local.machine.processor import Processor, processor
from support.texts import QUERY, passages

KINDS = {
    "AVX2": ("avx2", "fma", "f16c"),
    "AVX2 with VNNI": ("avx2", "fma", "f16c", "avx_vnni"),
    "AVX2 with bfloat16": ("avx2", "fma", "f16c", "avx_ne_convert", "avx_vnni"),
    "AVX-512": ("avx2", "fma", "f16c", "avx512f"),
    "AVX-512 with VNNI": ("avx2", "fma", "f16c", "avx512f", "avx512_vnni"),
    "AVX-512 with bfloat16": ("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16"),
    "AMX": (
        "avx2",
        "avx512f",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "amx_tile",
        "amx_int8",
        "amx_bf16",
    ),
    "ARM": ("asimd",),
    "ARM with all": ("asimd", "asimddp", "asimdhp", "i8mm", "bf16"),
}
# Per backend and precision: the kinds where it is slow, and those where it is float32.
ELSEWISE: dict[tuple[Backend, Dtype], tuple[set[str], set[str]]] = {
    ("openvino", "bfloat16"): ({"AVX-512", "AVX-512 with VNNI"}, {"AVX2", "AVX2 with VNNI", "ARM"}),
    ("torch", "bfloat16"): ({"AVX2", "AVX2 with VNNI", "AVX-512", "AVX-512 with VNNI", "ARM"}, set()),
    ("torch", "float16"): (set(KINDS) - {"AMX", "ARM with all"}, set()),
    ("openvino", "int8"): (set(), {"AVX2", "AVX-512", "ARM"}),
    ("onnx", "int8"): (set(), set()),
}
TEXTS = passages(12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("backend", "dtype"), ELSEWISE)
def test_each_kind_of_processor(backend: Backend, dtype: Dtype, kind: str) -> None:
    slow, in_float32 = ELSEWISE[backend, dtype]
    found = effective_precision(backend, dtype, Processor(name=kind, instructions=KINDS[kind]))
    assert found.slow == (kind in slow)
    assert found.dtype == ("float32" if kind in in_float32 else dtype)
    assert found.as_asked(dtype) == (kind not in slow | in_float32)
    if not found.as_asked(dtype):
        assert f"no {dtype} products" in found.why


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_float32_everywhere(backend: Backend, kind: str) -> None:
    found = effective_precision(backend, "float32", Processor(name=kind, instructions=KINDS[kind]))
    assert (found.dtype, found.slow, found.why) == ("float32", False, "")


def test_int8_on_onnxruntime_says_that_it_widens() -> None:
    found = effective_precision("onnx", "int8", Processor(name="AVX2", instructions=KINDS["AVX2"]))
    assert found.why == "this processor has no int8 products, so they are widened to 16 bits first"


def test_where_the_system_tells_nothing_the_precision_is_taken_at_its_word() -> None:
    found = effective_precision("openvino", "bfloat16", Processor(name="unknown", instructions=None))
    assert found.as_asked("bfloat16")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_a_ranking_says_what_was_computed_in(dtype: Dtype) -> None:
    pytest.importorskip("openvino")
    if dtype == "int8":
        pytest.importorskip("onnx")
    with Reranker(backend="openvino", dtype=dtype) as reranker:
        ranking = reranker.rank(QUERY, TEXTS)
    assert ranking.dtype == effective_precision("openvino", dtype, processor()).dtype


def test_nothing_computed_has_no_precision() -> None:
    with Reranker() as reranker:
        assert reranker.rank(QUERY, []).dtype is None


def test_a_runtime_that_computes_in_another_precision_is_believed_and_told_once(
    model_folder: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As OpenVINO on a processor whose instructions the system does not tell."""
    pytest.importorskip("openvino")
    from pertinence.local.runtimes import openvino as backend

    monkeypatch.setitem(backend._PRECISION, "bfloat16", "f32")
    folder, cache = model_folder("tiny"), str(tmp_path)
    with (
        caplog.at_level(logging.WARNING, "pertinence"),
        Reranker(folder, backend="openvino", dtype="float32", cache_folder=cache) as exact,
        Reranker(folder, backend="openvino", dtype="bfloat16", cache_folder=cache) as asked,
    ):
        ranking = asked.rank(QUERY, TEXTS)
        asked.rank(QUERY, TEXTS)
        np.testing.assert_array_equal(asked.score(QUERY, TEXTS), exact.score(QUERY, TEXTS))
    assert ranking.dtype == "float32"
    (line,) = [record.message for record in caplog.records if "computes in" in record.message]
    assert f"{folder} computes in float32 on openvino, where dtype='bfloat16' was asked for: " in line


def test_a_precision_that_is_imitated_is_said_to_be_slow(
    model_folder: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("torch")
    from pertinence.local.selection import reranker_spec

    older = Processor(name="older", instructions=KINDS["AVX2"])
    monkeypatch.setattr(reranker_spec, "processor", lambda: older)
    with (
        caplog.at_level(logging.WARNING, "pertinence"),
        Reranker(
            model_folder("tiny"), backend="torch", dtype="bfloat16", device="cpu", cache_folder=str(tmp_path)
        ) as reranker,
    ):
        assert reranker.rank(QUERY, TEXTS).dtype == "bfloat16"
    assert (
        "as asked, and takes longer than in float32: this processor has no bfloat16 products" in caplog.text
    )
