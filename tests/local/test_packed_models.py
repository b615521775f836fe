"""Models that pack, from end to end: their scores and vectors, memory that runs out, several devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pertinence import Embedder, ModelError, Reranker
from pertinence.local.machine.devices import Card, Found
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from support.embedders import build_embedder

torch = pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU packs, as a GPU would."""
    from pertinence.local.runtimes.torch import running

    monkeypatch.setattr(running, "attention_ways", lambda device, dtype: ("reference",))


@pytest.mark.usefixtures("packing")
@pytest.mark.parametrize("shape", ["tiny", "roberta-L2"])
def test_a_reranker_that_packs_scores_as_one_that_pads(
    shape: str, model_folder: Callable[[str], Path]
) -> None:
    # Two engines add in two orders; packed beside padded in one engine is held to 1e-5 in test_packed.
    texts = ["le moulin", "la rivière " * 40, "", "un pont sur la rivière", "le " * 300, "la mairie"]
    with (
        Reranker(model_folder(shape), backend="torch", device="cpu", score_kind="logit") as packs,
        Reranker(model_folder(shape), backend="torch", score_kind="logit", max_queued=100) as again,
        Reranker(model_folder(shape), backend="onnx", score_kind="logit") as pads,
    ):
        given = packs.score("où est le moulin ?", texts)
        assert packs._open()._lease.model.accepts_packed()  # type: ignore[attr-defined]
        np.testing.assert_allclose(given, pads.score("où est le moulin ?", texts), atol=1e-4)
        np.testing.assert_array_equal(given, again.score("où est le moulin ?", texts))


def out_of_memory_over(network: Any, tokens: int) -> list[int]:
    """The network's device is full with more than so many tokens; gives a list of what was run."""
    ran: list[int] = []

    def check(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        count = inputs["input_ids"].numel()
        ran.append(count)
        if count > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    network.register_forward_pre_hook(check, with_kwargs=True)
    return ran


@pytest.mark.parametrize("packs", [True, False])
def test_a_device_that_runs_out_of_memory_loses_no_request_and_gets_smaller_batches_from_then_on(
    packs: bool, model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pertinence.local.runtimes.torch import running

    if packs:
        monkeypatch.setattr(running, "attention_ways", lambda device, dtype: ("reference",))
    texts = [f"{number} " * (1 + number % 30) for number in range(60)]
    folder = model_folder("tiny")
    with Reranker(folder, backend="torch", device="cpu", batch_tokens=2048, score_kind="logit") as reranker:
        expected = reranker.score("où ?", texts)
        model = reranker._open()._lease.model  # type: ignore[attr-defined]
        ran = out_of_memory_over(model._running[0]._model, 300)
        np.testing.assert_allclose(reranker.score("où ?", texts), expected, atol=1e-5)
        assert max(ran) > 300
        assert model.batch_tokens() <= 300
        ran.clear()
        reranker.score("où ?", texts)
        assert max(ran) <= 300


@pytest.mark.parametrize(
    ("error", "full", "lost"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True, False),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            True,
            False,
        ),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"), False, True),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False, False),
        (ValueError("CUBLAS_STATUS_INTERNAL_ERROR"), False, False),
    ],
)
def test_what_cuda_and_cublas_say_is_told_apart(error: Exception, full: bool, lost: bool) -> None:
    from pertinence.local.runtimes.torch.devices import is_full, is_lost

    assert (is_full(error), is_lost(error)) == (full, lost)


def test_a_text_that_no_longer_fits_is_told_with_its_length(model_folder: Callable[[str], Path]) -> None:
    with Reranker(model_folder("tiny"), backend="torch", device="cpu") as reranker:
        reranker.warm_up()
        out_of_memory_over(reranker._open()._lease.model._running[0]._model, 20)  # type: ignore[attr-defined]
        with pytest.raises(ModelError, match=r"one text of \d+ tokens does not fit into the memory of cpu"):
            reranker.score("où ?", ["court", "long " * 80])
        assert len(reranker.score("où ?", ["court"])) == 1


@pytest.mark.usefixtures("packing")
@pytest.mark.parametrize(
    ("shape", "modules"),
    [
        ("tiny-embedder", {"pooling": "mean", "include_prompt": False}),
        ("tiny-embedder", {"pooling": "cls"}),
        ("tiny-embedder", {"pooling": ["max", "lasttoken"]}),
        ("bilingual-L2", {"pooling": "mean"}),
    ],
)
def test_an_embedder_that_packs_gives_the_vectors_of_one_that_pads(
    shape: str, modules: dict[str, Any], tmp_path: Path
) -> None:
    saved = {"prompts": {"document": "passage : "}}
    folder = build_embedder(shape, tmp_path / shape, saved=saved, **modules)
    texts = ["le moulin", "la rivière " * 40, "", "le " * 300, "la mairie"]
    reference = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    expected = reference.encode_document(texts, show_progress_bar=False)
    with Embedder(folder, backend="torch", device="cpu") as embedder:
        given = embedder.embed_documents(texts)
        assert embedder._open()._lease.model.accepts_packed()  # type: ignore[attr-defined]
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_two_devices_answer_as_one(
    model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pertinence.local.runtimes.torch import devices

    folder = model_folder("tiny")
    texts = [f"{number} " * (1 + number % 30) for number in range(200)]
    with Reranker(folder, backend="torch", device="cpu", score_kind="logit") as one:
        expected = one.score("où ?", texts)
    # Two copies on one processor: all that sets them apart from two cards is the name.
    monkeypatch.setattr(devices, "places", lambda asked: ("cpu", "cpu"))
    with Reranker(folder, backend="torch", device="cpu", score_kind="logit", batch_tokens=64) as two:
        np.testing.assert_allclose(two.score("où ?", texts), expected, atol=1e-5)
        model = two._open()._lease.model  # type: ignore[attr-defined]
        assert model.workers == 2
        assert len(model._running) == 2


def test_a_card_that_is_not_there_is_told_with_what_is(model_folder: Callable[[str], Path]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    with (
        Reranker(model_folder("tiny"), device="cuda") as reranker,
        pytest.raises(ModelError, match=r"device='cuda' was asked for, and torch finds cpu.*no CUDA: "),
    ):
        reranker.score("où ?", ["là"])


def test_a_card_without_bfloat16_is_given_float16_with_a_word(
    model_folder: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    from pertinence.local.runtimes.torch.devices import put

    old = Card(name="Tesla T4", memory=16 << 30, capability=(7, 5), bfloat16=False)
    spec = resolve(Options(model=str(model_folder("tiny")), backend="torch", dtype="bfloat16"))
    placed = put(spec, "cuda:0", lambda: Found(cards=[old]))
    assert (placed.device, placed.dtype) == ("cuda:0", "float16")
    assert "is computed in float16: Tesla T4 does not compute in bfloat16" in caplog.text


def test_a_driver_that_is_too_old_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from pertinence.local.runtimes.torch.devices import find, places

    def refuse() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found 11040).\nPlease update")

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", refuse)
    assert find().no_cuda == "The NVIDIA driver on your system is too old (found 11040)."
    with pytest.raises(ModelError, match="driver on your system is too old"):
        places("cuda:0")
    assert places("auto") == ("cpu",)
