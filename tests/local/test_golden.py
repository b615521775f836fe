"""Published scores of real models: what a user with the hub can hold us to (`pytest -m network`)."""

from __future__ import annotations

import numpy as np
import pytest

from pertinence import Reranker

pytestmark = [pytest.mark.network, pytest.mark.enable_socket]

PLANET = "Which planet is known as the Red Planet?"
PLANETS = [
    "Venus is often called Earth's twin because of its similar size and proximity.",
    "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
    "Jupiter, the largest planet in our solar system, has a prominent red spot.",
    "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
]
# From the tests of sentence-transformers, in bfloat16: the scale that each model's settings declare.
PUBLISHED = {
    "cross-encoder/ms-marco-MiniLM-L6-v2": [-6.53125, 9.6875, 6.90625, 6.6875],
    "cross-encoder/mmarco-mMiniLMv2-L12-H384-v1": [-3.28125, 10.1875, 3.4375, 7.46875],
    "cross-encoder/ms-marco-TinyBERT-L2-v2": [-10.875, 7.0, 5.875, 5.6875],
    "BAAI/bge-reranker-v2-m3": [0.01855, 1.0, 0.78906, 0.98828],
}
GTE = "Alibaba-NLP/gte-multilingual-reranker-base"
# From its card: pairs, and the logits of transformers.
GTE_PAIRS = [
    ("中国的首都在哪儿", "北京", 1.2315),
    ("what is the capital of China?", "北京", 0.5923),
    ("how to implement quick sort in python?", "Introduction of quick sort", 0.3041),
]


@pytest.mark.parametrize("model", PUBLISHED)
def test_a_published_score_comes_out(model: str) -> None:
    with Reranker(model, score_kind="raw", backend="torch", dtype="bfloat16") as reranker:
        scores = reranker.score(PLANET, PLANETS)
    # A step of bfloat16 at this size is 1/16 at most: batches of other shapes may round one off.
    np.testing.assert_allclose(scores, PUBLISHED[model], atol=1 / 16 + 0.01)


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
@pytest.mark.parametrize(("query", "text", "logit"), GTE_PAIRS)
def test_gte_gives_the_logits_of_its_card_without_its_code(
    backend: str, query: str, text: str, logit: float
) -> None:
    with Reranker(GTE, score_kind="logit", backend=backend, dtype="float32") as reranker:
        assert reranker.score(query, [text])[0] == pytest.approx(logit, abs=0.01)
