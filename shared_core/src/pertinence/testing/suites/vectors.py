"""Tests of the vectors of an embedding component, over any model, fake or real."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from pertinence.testing.driver import EmbedderDriver
from pertinence.testing.suites.answers import MANY, ODD_QUERIES, ODD_TEXTS, TEXTS
from pertinence.testing.suites.component import CLOSE, QUERY, ComponentConformance

__all__ = ["VectorsConformance"]


class VectorsConformance(ComponentConformance):
    """Tests of the vectors of an embedding component.

    Set `driver`, and `options` (our names) that the component needs to find its model.
    """

    driver: ClassVar[EmbedderDriver[Any]]

    def documents(self, texts: Sequence[Any] = tuple(TEXTS.values())) -> list[Any]:
        """Create the objects to embed, with these texts."""
        return [self.driver.document(text) for text in texts]

    def ask(self, component: Any, query: Any = QUERY) -> list[Any]:
        """Return the vector of the query and those of some documents, one of which is about the query."""
        documents = self.documents([*TEXTS.values(), f"all about {query}"])
        return [
            self.driver.embed_query(component, query),
            *self.driver.embed_documents(component, documents),
        ]

    async def aask(self, component: Any, query: Any = QUERY) -> list[Any]:
        documents = self.documents([*TEXTS.values(), f"all about {query}"])
        vector = await self.driver.aembed_query(component, query)
        return [vector, *await self.driver.aembed_documents(component, documents)]

    def assert_same(self, answer: Sequence[Any], other: Sequence[Any]) -> None:
        """Check that both hold the same vectors in the same order, within `CLOSE`."""
        assert len(answer) == len(other)
        for place, (one, two) in enumerate(zip(answer, other, strict=True)):
            assert list(one) == pytest.approx(list(two), abs=CLOSE), f"vector {place}"

    def embed(self, documents: Sequence[Any], **options: Any) -> Sequence[Any]:
        """Return the vectors that a component with these options gives the documents.

        Check that both entry points give the same vectors.
        """
        component = self.make(**options)
        vectors = self.driver.embed_documents(component, documents)
        self.assert_same(asyncio.run(self.driver.aembed_documents(component, documents)), vectors)
        return vectors

    # Content of an answer

    def test_there_is_one_vector_per_text_in_their_order(self) -> None:
        texts = [f"mill number {number} of the river" for number in range(MANY)]
        component = self.make()
        alone = [self.driver.embed_documents(component, self.documents([text]))[0] for text in texts[::9]]
        together = self.driver.embed_documents(component, self.documents(texts))
        assert len(together) == MANY
        self.assert_same(together[::9], alone)

    def test_all_vectors_have_the_same_number_of_dims(self) -> None:
        component = self.make()
        dims = {len(vector) for vector in self.ask(component)}
        assert len(dims) == 1
        assert dims != {0}

    def test_vectors_are_plain_lists_of_floats(self) -> None:
        for vector in self.ask(self.make()):
            assert type(vector) is list
            assert {type(number) for number in vector} == {float}

    def test_a_query_has_one_vector_and_not_a_list_of_them(self) -> None:
        assert isinstance(self.driver.embed_query(self.make(), QUERY)[0], float)

    def test_no_documents_give_no_vectors_and_no_error(self) -> None:
        assert list(self.embed(self.documents([]))) == []

    def test_one_document_is_given_one_vector(self) -> None:
        assert len(self.embed(self.documents(["a river"]))) == 1

    def test_equal_texts_have_equal_vectors(self) -> None:
        vectors = self.embed(self.documents(["the mill", "a river", "the mill"]))
        self.assert_same(vectors[:1], vectors[2:])
        assert list(vectors[0]) != list(vectors[1])

    def test_a_vector_does_not_depend_on_its_neighbours(self) -> None:
        texts = ["the mill by the river", "", "river " * 300, "an old mill"]
        component = self.make()
        together = self.driver.embed_documents(component, self.documents(texts))
        alone = [self.driver.embed_documents(component, self.documents([text]))[0] for text in texts]
        self.assert_same(together, alone)

    @pytest.mark.parametrize("name", ODD_TEXTS)
    def test_an_odd_text_gets_a_vector_and_moves_no_other(self, name: str) -> None:
        vectors = self.embed(self.documents([*TEXTS.values(), ODD_TEXTS[name]]))
        assert len(vectors) == len(TEXTS) + 1
        assert all(abs(number) < float("inf") for number in vectors[-1])
        self.assert_same(vectors[:-1], self.embed(self.documents()))

    @pytest.mark.parametrize("name", ODD_QUERIES)
    def test_an_odd_query_gets_a_vector(self, name: str) -> None:
        vector = self.driver.embed_query(self.make(), ODD_QUERIES[name])
        assert all(abs(number) < float("inf") for number in vector)

    # Ownership: input documents stay unchanged

    def test_the_callers_documents_are_untouched(self) -> None:
        documents = self.documents()
        before = copy.deepcopy(documents)
        self.embed(documents)
        assert documents == before
