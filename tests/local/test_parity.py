"""Our scores are sentence-transformers' scores, on every backend, for every architecture of the cards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from pertinence import Reranker
from pertinence.agreement import drift_over_spread
from pertinence.local.files.weights import write_float32
from pertinence.local.machine.precisions import effective_precision
from pertinence.local.machine.processor import processor
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from support.gte import needs_gte
from support.models import build
from support.texts import QUERY, passages

sentence_transformers = pytest.importorskip("sentence_transformers")

ARCHITECTURES = ("camembert-L2", "mminilm-L6", "bert-minilm-L6", "electra-L2")
# In float32 alone: what low precision does to a network has nothing to do with how its positions are told.
LONG = (pytest.param("gte-L2", marks=needs_gte),)
TEXTS = passages(200)
# Largest difference of a probability.
FLOAT32 = {"torch": 1e-5, "onnx": 1e-4, "openvino": 1e-4}
# Largest difference of a logit, in standard deviations of the logits; of random weights, whose scores
# lie close together.
LOW_PRECISION = {
    ("torch", "bfloat16"): 0.5,
    ("openvino", "bfloat16"): 0.5,
    ("openvino", "int8"): 1.5,
    ("onnx", "int8"): 1.5,
}


def expected(folder: Path, texts: list[str] = TEXTS, **options: object) -> np.ndarray:
    """What the reference gives for `QUERY` with each text, in float32 on the CPU."""
    encoder = sentence_transformers.CrossEncoder(
        str(folder), device="cpu", model_kwargs={"dtype": "float32"}, **options
    )
    return encoder.predict([(QUERY, text) for text in texts], show_progress_bar=False)


@pytest.mark.parametrize("shape", [*ARCHITECTURES, *LONG])
def test_every_backend_scores_as_the_cross_encoder_does(
    shape: str, model_folder: Callable[[str], Path]
) -> None:
    folder = model_folder(shape)
    reference = expected(folder)
    assert np.ptp(reference) > 0.01, "scores that hardly differ would prove nothing"
    for backend, tolerance in FLOAT32.items():
        with Reranker(folder, backend=backend, dtype="float32") as reranker:
            np.testing.assert_allclose(reranker.score(QUERY, TEXTS), reference, atol=tolerance, rtol=0)


@pytest.mark.parametrize("shape", ARCHITECTURES)
@pytest.mark.parametrize(("backend", "dtype"), LOW_PRECISION)
def test_a_low_precision_moves_logits_by_less_than_its_bound(
    backend: str, dtype: str, shape: str, model_folder: Callable[[str], Path]
) -> None:
    folder, texts = model_folder(shape), TEXTS[:60]
    with (
        Reranker(folder, backend="torch", dtype="float32", score_kind="logit") as exact,
        Reranker(folder, backend=backend, dtype=dtype, score_kind="logit") as rounded,
    ):
        ranking = rounded.rank(QUERY, texts)
        drift = drift_over_spread(exact.score(QUERY, texts), rounded.score(QUERY, texts))
    if ranking.dtype == dtype:
        assert 1e-4 < drift < LOW_PRECISION[backend, dtype], "no drift at all would be another precision"
        return
    # A processor without such products, where OpenVINO computes in float32 (test_precisions.py).
    assert (backend, ranking.dtype) == ("openvino", "float32")
    assert effective_precision("openvino", dtype, processor()).dtype == "float32"
    # Of int8 the weights remain, rounded.
    assert drift < (1e-3 if dtype == "bfloat16" else LOW_PRECISION[backend, dtype])


def test_the_embedded_default_scores_as_its_dequantised_weights_do(tmp_path: Path) -> None:
    reference = expected(write_float32(resolve(Options()).folder, tmp_path))
    for backend, tolerance in FLOAT32.items():
        with Reranker(backend=backend, dtype="float32") as reranker:
            np.testing.assert_allclose(reranker.score(QUERY, TEXTS), reference, atol=tolerance, rtol=0)


def test_the_real_xlm_roberta_tokenizer_gives_the_same_scores(
    xlm_roberta_tokenizer: bytes, tmp_path: Path
) -> None:
    tokenizer = Tokenizer.from_buffer(xlm_roberta_tokenizer)
    folder = build("mminilm-L6", tmp_path / "real", tokenizer=tokenizer)
    texts = TEXTS[:60]
    with Reranker(folder, backend="torch") as reranker:
        np.testing.assert_allclose(reranker.score(QUERY, texts), expected(folder, texts), atol=1e-5, rtol=0)


def test_two_labels_give_the_softmax_of_the_positive_one_and_raw_its_own_number(tmp_path: Path) -> None:
    folder = build("tiny", tmp_path / "two", labels=2)
    logits = expected(folder)
    softmax = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
    due = {"probability": softmax, "logit": logits[:, 1] - logits[:, 0], "raw": logits[:, 1]}
    for kind, values in due.items():
        with Reranker(folder, backend="torch", score_kind=kind) as reranker:
            np.testing.assert_allclose(reranker.score(QUERY, TEXTS), values, atol=1e-5)


def test_the_positive_label_is_the_one_that_is_named_so(tmp_path: Path) -> None:
    folder = build("tiny", tmp_path / "named", labels=2)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    labels = {"id2label": {"0": "relevant", "1": "irrelevant"}, "label2id": {"relevant": 0, "irrelevant": 1}}
    (folder / "config.json").write_text(json.dumps({**config, **labels}), encoding="utf-8")
    logits = expected(folder)
    with Reranker(folder, backend="torch", score_kind="logit") as reranker:
        np.testing.assert_allclose(reranker.score(QUERY, TEXTS), logits[:, 0] - logits[:, 1], atol=1e-5)


def test_a_logit_is_what_the_model_gives_before_the_sigmoid(model_folder: Callable[[str], Path]) -> None:
    folder = model_folder("tiny")
    with (
        Reranker(folder, backend="torch", score_kind="logit") as logit,
        Reranker(folder, backend="torch") as probability,
    ):
        logits = logit.score(QUERY, TEXTS)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probability.score(QUERY, TEXTS), atol=1e-6)


def test_a_raw_score_follows_the_activation_that_the_model_declares(tmp_path: Path) -> None:
    folder = build("tiny", tmp_path / "declared")
    config = (folder / "config.json").read_text()
    declared = '{"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity",'
    (folder / "config.json").write_text(declared + config.lstrip()[1:])
    reference = expected(folder)
    assert reference.min() < 0 or reference.max() > 1, "logits, not probabilities"
    with Reranker(folder, backend="torch", score_kind="raw") as reranker:
        np.testing.assert_allclose(reranker.score(QUERY, TEXTS), reference, atol=1e-5)


def test_the_prompt_that_a_model_declares_comes_before_the_query(tmp_path: Path) -> None:
    plain = build("tiny", tmp_path / "plain")
    folder = tmp_path / "prompted"
    prompts = {"ask": "Answer this question: "}
    prompted = sentence_transformers.CrossEncoder(str(plain), prompts=prompts, default_prompt_name="ask")
    prompted.save_pretrained(str(folder))
    reference = expected(folder)
    assert np.abs(reference - expected(plain)).max() > 1e-4
    with Reranker(folder, backend="torch") as reranker:
        np.testing.assert_allclose(reranker.score(QUERY, TEXTS), reference, atol=1e-5)


@pytest.mark.parametrize("length", [32, 128, 512])
def test_a_shorter_limit_cuts_the_same_tokens(length: int, model_folder: Callable[[str], Path]) -> None:
    folder = model_folder("camembert-L2")
    reference = expected(folder, TEXTS[:40], max_length=length)
    with Reranker(folder, backend="torch", max_length=length) as reranker:
        np.testing.assert_allclose(reranker.score(QUERY, TEXTS[:40]), reference, atol=1e-5)


@pytest.mark.parametrize("backend", FLOAT32)
def test_a_score_does_not_depend_on_its_batch_neighbours(
    backend: str, model_folder: Callable[[str], Path]
) -> None:
    with Reranker(model_folder("camembert-L2"), backend=backend, dtype="float32") as reranker:
        together = reranker.score(QUERY, TEXTS[:60])
        alone = [reranker.score(QUERY, [text])[0] for text in TEXTS[:60]]
    # Runtimes pick other kernels for other shapes of a batch, and these sum in other orders.
    np.testing.assert_allclose(together, alone, atol=5e-6, rtol=0)


@pytest.mark.parametrize(
    ("backend", "dtype"), [("onnx", "int8"), ("openvino", "bfloat16"), ("openvino", "int8")]
)
def test_in_low_precision_no_neighbour_moves_a_score(
    backend: str, dtype: str, model_folder: Callable[[str], Path]
) -> None:
    with Reranker(model_folder("mminilm-L6"), backend=backend, dtype=dtype) as reranker:
        together = reranker.score(QUERY, TEXTS[:60])
        alone = [reranker.score(QUERY, [text])[0] for text in TEXTS[:60]]
    np.testing.assert_allclose(together, alone, atol=_neighbours_move(backend, dtype), rtol=0)


def _neighbours_move(backend: str, dtype: str) -> float:
    """By how much they may: by nothing, where the products of that precision are the processor's own.

    OpenVINO computes in bfloat16 by other kernels on a processor that has no such products, and in int8 on
    one whose AMX is not used (see the conftest of the root); these take another order for another batch.
    Seen so: .0007 and .0043 of a probability.
    """
    instructions = processor().instructions or ()
    own = "avx512_bf16" in instructions and (dtype == "bfloat16" or "amx_int8" not in instructions)
    return 0.0 if own or backend != "openvino" else 0.01
