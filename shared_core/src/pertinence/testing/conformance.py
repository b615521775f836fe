"""Conformance tests to subclass, one suite per kind of adapter. They also document what an adapter must do.

    from pertinence.testing.conformance import RerankerConformance

    class TestMyAdapter(RerankerConformance):
        driver = MyDriver()

| suite | for | the model behind it |
|---|---|---|
| `RerankerConformance` | a component that reranks | a `FakeScorer` in place of every model |
| `PerCallConformance` | the same, if calls take `top_k` and `threshold` | likewise |
| `ModelConformance` | a component that reranks | the one that `options` name, or the default |
| `EmbedderConformance` | a component that embeds | a `FakeVectoriser` in place of every model |
| `EmbedderModelConformance` | a component that embeds | the one that `options` name |

docs/testing.md shows how to write the driver.
"""

from __future__ import annotations

import pytest

from pertinence.embedder import Embedder
from pertinence.integration import EmbedderOptions, Options
from pertinence.reranker import Reranker
from pertinence.testing.suites.answers import TEXTS, AnswersConformance
from pertinence.testing.suites.component import CLOSE, QUERY
from pertinence.testing.suites.embedder import EmbedderConformance
from pertinence.testing.suites.per_call import PerCallConformance
from pertinence.testing.suites.reranker import RerankerConformance
from pertinence.testing.suites.vectors import VectorsConformance

__all__ = [
    "EmbedderConformance",
    "EmbedderModelConformance",
    "ModelConformance",
    "PerCallConformance",
    "RerankerConformance",
]


class ModelConformance(AnswersConformance):
    """Tests of a reranking component's answers over a real model, on this machine or behind a server."""

    def test_the_answer_is_that_of_the_reranker(self) -> None:
        with Reranker.from_options(Options.of(self.options)) as reranker:
            ranking = reranker.rank(QUERY, list(TEXTS.values()))
        hits = self.rank()
        assert [hit.id for hit in hits] == [list(TEXTS)[item.index] for item in ranking]
        assert [hit.score for hit in hits] == pytest.approx(ranking.scores, abs=CLOSE)


class EmbedderModelConformance(VectorsConformance):
    """Tests of an embedding component's vectors over a real model, on this machine or behind a server."""

    def test_the_vectors_are_those_of_the_embedder(self) -> None:
        component = self.make()
        with Embedder.from_options(EmbedderOptions.of(self.options)) as embedder:
            query, documents = embedder.embed_query(QUERY), embedder.embed_documents(list(TEXTS.values()))
        assert list(self.driver.embed_query(component, QUERY)) == pytest.approx(query.tolist(), abs=CLOSE)
        vectors = self.driver.embed_documents(component, self.documents())
        self.assert_same(vectors, documents.tolist())
