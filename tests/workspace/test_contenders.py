"""The engines of the speed table: each gives the scores of the same texts, in the order of the texts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.texts import QUERY, passages

pytest.importorskip("torch", reason="the peers run on torch")

ModelFolder = Callable[[str], Path]
TEXTS = passages(12)
# What each needs beside torch and sentence-transformers.
NEEDS = {
    "langchain": "langchain_classic",
    "llama_index": "llama_index.core",
    "haystack": "haystack_integrations.components.rankers.sentence_transformers",
    "padded_int8": "onnx",
    "ours": "pertinence",
}


def opened(name: str, folder: Path, **arguments: Any) -> Any:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    contender = import_module(f"benchmarks.contenders.{name}").opened(
        folder=str(folder), ours=str(folder), **arguments
    )
    contender.take("texts", [(QUERY, TEXTS)])
    assert contender.score("texts") > 0
    return contender


def probabilities(contender: Any) -> Any:
    (found,) = contender.probabilities("texts")
    return np.array(found)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("langchain", {}),
        ("llama_index", {}),
        ("haystack", {}),
        ("ours", {"backend": "torch", "dtype": "float32"}),
        ("ours", {"backend": "auto", "dtype": "auto"}),
    ],
)
def test_every_float32_engine_gives_the_scores_of_predict(
    name: str, arguments: dict[str, str], model_folder: ModelFolder
) -> None:
    peer = opened("predict", model_folder("tiny"), dtype="float32")
    engine = opened(name, model_folder("tiny"), **arguments)
    np.testing.assert_allclose(probabilities(engine), probabilities(peer), atol=1e-5)
    logits = engine.logits("texts")
    if logits is not None:
        np.testing.assert_allclose(logits, peer.logits("texts"), atol=1e-4)


def test_the_padded_int8_batch_is_near_and_not_equal(model_folder: ModelFolder, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder("tiny"), tmp_path / "tiny")
    peer = opened("predict", folder, dtype="float32")
    drift = np.abs(probabilities(opened("padded_int8", folder)) - probabilities(peer)).max()
    assert 0 < drift < 0.1


def test_ours_says_what_it_runs_on(model_folder: ModelFolder) -> None:
    how = opened("ours", model_folder("tiny"), backend="torch", dtype="bfloat16").how()
    assert (how["backend"], how["dtype"]) == ("torch", "bfloat16")
    assert how["why"]


@pytest.mark.parametrize("runtime", ["torch", "onnx", "openvino"])
def test_a_bare_product_says_how_long_it_took(runtime: str) -> None:
    pytest.importorskip({"onnx": "onnxruntime"}.get(runtime, runtime))
    from benchmarks.products import opened as product

    assert 0 < product(runtime, "float32").multiply() < 10


def test_fewer_pieces_cut_the_same_texts_into_the_same_pieces(data: Path) -> None:
    from benchmarks.models import tokenizer_like
    from benchmarks.texts import real_texts

    whole, fewer = tokenizer_like("mminilm-L6"), tokenizer_like("camembert-L2")
    assert whole is not None
    assert fewer is not None
    assert fewer.get_vocab_size() == 32_005
    for text in real_texts()[:50]:
        encoded = fewer.encode("une question", text)
        assert encoded.tokens == whole.encode("une question", text).tokens
        assert max(encoded.ids) < 32_005
