"""Tests of an embedding component over a fake model, which checks more than a real model allows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from pertinence.errors import OptionError, PertinenceError
from pertinence.integration import EmbedderOptions, Options
from pertinence.testing.fake import FakeVectoriser
from pertinence.testing.patching import embedding_with
from pertinence.testing.suites.answers import TEXTS
from pertinence.testing.suites.component import QUERY
from pertinence.testing.suites.faked import OTHER_VALUES, FakedConformance
from pertinence.testing.suites.vectors import VectorsConformance

__all__ = ["EmbedderConformance"]


class EmbedderConformance(FakedConformance, VectorsConformance):
    """Tests that every embedding adapter must pass, whatever model is behind it."""

    options: ClassVar[Mapping[str, Any]] = {"model": "an/embedder"}
    kind: ClassVar[type[Options]] = EmbedderOptions
    other_values: ClassVar[Mapping[str, Any]] = {
        **OTHER_VALUES,
        "truncate_dim": 4,
        "normalize": True,
        "precision": "int8",
        "ranges": [[-1.0] * 8, [1.0] * 8],
    }
    together: ClassVar[Mapping[str, tuple[str, ...]]] = {"precision": ("ranges",), "ranges": ("precision",)}

    @pytest.fixture(autouse=True)
    def model(self) -> Iterator[FakeVectoriser]:
        """Replace every model by a fake and yield it. A test may inspect the requests that it received."""
        vectoriser = FakeVectoriser()
        with embedding_with(vectoriser) as self.made:
            yield vectoriser
        vectoriser.close()

    def assert_same(self, answer: Sequence[Any], other: Sequence[Any]) -> None:
        """Check that the vectors are equal to the last bit: a fake model has no rounding."""
        assert [list(vector) for vector in answer] == [list(vector) for vector in other]

    # Input of the model

    def test_vectors_are_those_of_the_model(self, model: FakeVectoriser) -> None:
        query, *documents = self.ask(self.make())
        assert list(query) == pytest.approx(model.vector("query", QUERY).tolist())
        for vector, text in zip(documents, TEXTS.values(), strict=False):
            assert list(vector) == pytest.approx(model.vector("document", text).tolist())

    def test_a_query_and_a_document_of_the_same_words_are_told_apart(self, model: FakeVectoriser) -> None:
        component = self.make()
        query = self.driver.embed_query(component, "the mill")
        document = self.driver.embed_documents(component, self.documents(["the mill"]))[0]
        assert [about for about, _ in model.requests] == ["query", "document"]
        assert list(query) != list(document)

    def test_affixes_are_put_around_queries_and_documents(self, model: FakeVectoriser) -> None:
        affixes = self.other(*(name for name in self.other_values if name.endswith("fix")))
        self.ask(self.make(**affixes))
        assert model.requests[0] == ("query", [f"query: {QUERY} ?"])
        assert model.requests[1][1][: len(TEXTS)] == [f"passage: {text} ." for text in TEXTS.values()]

    def test_no_documents_need_no_model(self, model: FakeVectoriser) -> None:
        assert list(self.embed(self.documents([]))) == []
        assert (model.requests, model.warm_ups) == ([], 0)

    def test_thousands_of_documents_come_back_in_order(self, model: FakeVectoriser) -> None:
        texts = [f"mill number {number * 7919 % 3001}" for number in range(3001)]
        vectors = self.driver.embed_documents(self.make(), self.documents(texts))
        assert len(vectors) == len(texts)
        for place in (0, 1, 1500, 2999, 3000):
            assert list(vectors[place]) == pytest.approx(model.vector("document", texts[place]).tolist())

    def test_a_text_that_is_cut_short_is_told_of(
        self, model: FakeVectoriser, caplog: pytest.LogCaptureFixture
    ) -> None:
        model.max_words = 100
        self.driver.embed_documents(self.make(), self.documents([*TEXTS.values(), "river " * 101]))
        assert "1 of 6 texts were cut" in caplog.text

    # Invalid input: a `PertinenceError` that names the item, before any model runs

    @pytest.mark.parametrize("query", [None, 7, "", " \t\n"], ids=repr)
    def test_a_query_without_words_is_refused(self, query: Any, model: FakeVectoriser) -> None:
        component = self.make()
        with pytest.raises(PertinenceError, match=r"query|text"):
            self.driver.embed_query(component, query)
        with pytest.raises(PertinenceError, match=r"query|text"):
            asyncio.run(self.driver.aembed_query(component, query))
        assert model.requests == []

    @pytest.mark.parametrize("text", [None, 7], ids=repr)
    def test_a_text_that_is_no_string_is_refused_by_its_index(self, text: Any, model: FakeVectoriser) -> None:
        component, documents = self.make(), self.documents()
        documents[2] = self.driver.document(text)
        with pytest.raises(PertinenceError, match=r"\b2\b"):
            self.driver.embed_documents(component, documents)
        with pytest.raises(PertinenceError, match=r"\b2\b"):
            asyncio.run(self.driver.aembed_documents(component, documents))
        assert model.requests == []

    def test_a_model_that_nobody_named_is_missed_at_once(self) -> None:
        with pytest.raises(OptionError, match=f"{self.driver.word('model')} is missing"):
            self.driver.make()
