"""Rerankers that hand the wrong thing to the model, or take what they should refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conformance.adapters import Passage, PlainDriver, PlainReranker
from conformance.broken import caught_by
from conformance.broken.answers import Answering, Asking

from pertinence.errors import PertinenceError
from pertinence.integration import Options
from pertinence.testing import Hit

# What the model is given


@caught_by("affixes_are_put_around_what_is_scored_and_not_around_what_comes_back")
class HandsBackItsPrefixes(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return [replace(hit, text=f"passage: {hit.text}") for hit in hits]


@caught_by("no_documents_need_no_model", "making_a_component_loads_nothing")
class LoadsWhenMade(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        component = super().make(**options)
        component.handle.reranker(component.options).warm_up()
        return component


@caught_by("a_text_that_is_cut_short_is_told_of")
class KeepsCutsToItself(PlainDriver):
    def truncated(self, component: Any, query: str, documents: Sequence[Any]) -> int | None:
        return None


# Bad input


@caught_by("a_query_without_words_is_refused", "a_query_is_looked_at_even_without_documents")
class AnswersAnyQuery(Asking):
    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        return component, query if isinstance(query, str) and query.strip() else "nothing", documents


@caught_by("a_text_that_is_no_string_is_refused_by_its_index")
class WritesWhateverItIsGivenAsText(Asking):
    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        return component, query, [replace(each, text=str(each.text)) for each in documents]


@caught_by("what_is_no_document_is_refused_by_its_index", "what_is_no_list_of_documents_is_refused")
class DropsWhatIsNoDocument(Asking):
    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        listed = documents if isinstance(documents, Sequence) else []
        return component, query, [each for each in listed if isinstance(each, Passage)]


@caught_by(
    "a_top_k_that_keeps_nothing_is_refused",
    "a_threshold_that_is_no_number_is_refused",
    "an_unknown_option_is_refused_by_name",
)
class IgnoresBadOptions(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        good = {}
        for name, value in options.items():
            try:
                Options.of({name: value})
            except PertinenceError:
                continue
            good[name] = value
        return super().make(**good)
