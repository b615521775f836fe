"""Embedders whose vectors are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from conformance.adapters import PlainEmbedder, PlainEmbedderDriver
from conformance.broken import caught_by

from pertinence.integration import EmbedderOptions


class Vectors(PlainEmbedderDriver):
    """A flaw in the vectors of documents, the same through both doors."""

    def embed_documents(self, component: Any, documents: Any) -> Any:
        return self.spoilt(super().embed_documents(component, documents), documents)

    async def aembed_documents(self, component: Any, documents: Any) -> Any:
        return self.spoilt(await super().aembed_documents(component, documents), documents)

    def spoilt(self, vectors: list[Any], documents: Sequence[Any]) -> Any:
        raise NotImplementedError


@caught_by(
    "there_is_one_vector_per_text_in_their_order",
    "thousands_of_documents_come_back_in_order",
    "vectors_are_those_of_the_model",
)
class SortsByLength(Vectors):
    def spoilt(self, vectors: list[Any], documents: Sequence[Any]) -> Any:
        return [
            vector for vector, _ in sorted(zip(vectors, documents, strict=True), key=lambda each: each[1])
        ]


@caught_by("all_vectors_have_the_same_number_of_dims")
class CutsDocumentsAlone(Vectors):
    def spoilt(self, vectors: list[Any], documents: Sequence[Any]) -> Any:
        return [vector[:-1] for vector in vectors]


@caught_by("vectors_are_plain_lists_of_floats")
class GivesArrays(Vectors):
    def spoilt(self, vectors: list[Any], documents: Sequence[Any]) -> Any:
        return [np.array(vector) for vector in vectors]


@caught_by("a_query_has_one_vector_and_not_a_list_of_them")
class WrapsTheQuery(PlainEmbedderDriver):
    def embed_query(self, component: Any, query: Any) -> Any:
        return [super().embed_query(component, query)]


@caught_by("no_documents_give_no_vectors_and_no_error", "no_documents_need_no_model")
class EmbedsAtLeastOne(PlainEmbedderDriver):
    def embed_documents(self, component: Any, documents: Any) -> Any:
        return super().embed_documents(component, documents or ["nothing"])


@caught_by("one_document_is_given_one_vector")
class UnwrapsOne(Vectors):
    def spoilt(self, vectors: list[Any], documents: Sequence[Any]) -> Any:
        return vectors[0] if len(vectors) == 1 else vectors


@caught_by("equal_texts_have_equal_vectors", "a_vector_does_not_depend_on_its_neighbours")
class LetsNeighboursIn(Vectors):
    def spoilt(self, vectors: list[Any], documents: Sequence[Any]) -> Any:
        return [[number + place / 1000 for number in vector] for place, vector in enumerate(vectors)]


@caught_by("an_odd_text_gets_a_vector_and_moves_no_other")
class DropsEmptyTexts(PlainEmbedderDriver):
    def embed_documents(self, component: Any, documents: Any) -> Any:
        return super().embed_documents(component, [text for text in documents if text])


@caught_by("an_odd_query_gets_a_vector")
class EncodesQueries(PlainEmbedderDriver):
    def embed_query(self, component: Any, query: Any) -> Any:
        query.encode("utf-8")
        return super().embed_query(component, query)


@caught_by("the_callers_documents_are_untouched")
class SortsTheCallersList(PlainEmbedderDriver):
    def embed_documents(self, component: Any, documents: Any) -> Any:
        vectors = super().embed_documents(component, documents)
        documents.sort()
        return vectors


@caught_by(
    "a_query_and_a_document_of_the_same_words_are_told_apart", "affixes_are_put_around_queries_and_documents"
)
class EmbedsQueriesAsDocuments(PlainEmbedderDriver):
    def embed_query(self, component: Any, query: Any) -> Any:
        return super().embed_documents(component, [query])[0]


@caught_by("a_text_that_is_cut_short_is_told_of")
class CutsTextsItself(PlainEmbedderDriver):
    def embed_documents(self, component: Any, documents: Any) -> Any:
        return super().embed_documents(component, [" ".join(text.split()[:50]) for text in documents])


@caught_by("a_query_without_words_is_refused")
class EmbedsAnyQuery(PlainEmbedderDriver):
    def embed_query(self, component: Any, query: Any) -> Any:
        return super().embed_query(component, str(query).strip() or "nothing")


@caught_by("a_text_that_is_no_string_is_refused_by_its_index")
class EmbedsWhatever(PlainEmbedderDriver):
    def embed_documents(self, component: Any, documents: Any) -> Any:
        return super().embed_documents(component, [str(text) for text in documents])


@caught_by("a_model_that_nobody_named_is_missed_at_once")
class WaitsForAName(PlainEmbedderDriver):
    def make(self, **options: Any) -> PlainEmbedder:
        return PlainEmbedder(EmbedderOptions.of(options))


@caught_by("the_vectors_are_those_of_the_embedder")
class RoundsVectors(Vectors):
    def spoilt(self, vectors: list[Any], documents: Sequence[Any]) -> Any:
        return [[round(number, 2) for number in vector] for vector in vectors]
