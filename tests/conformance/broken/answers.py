"""Rerankers whose answers are wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from conformance.adapters import PlainDriver, PlainReranker
from conformance.broken import caught_by

from pertinence.testing import Hit


class Answering(PlainDriver):
    """A flaw in what is handed back, the same through both doors."""

    def run(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return self.spoilt(super().run(component, query, documents, **call), documents)

    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return self.spoilt(await super().arun(component, query, documents, **call), documents)

    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        raise NotImplementedError


class Asking(PlainDriver):
    """A flaw in what is asked, the same through both doors."""

    def run(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return super().run(*self.spoilt(component, query, documents), **call)

    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return await super().arun(*self.spoilt(component, query, documents), **call)

    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        raise NotImplementedError


# Order and what comes back


@caught_by("best_comes_first", "best_comes_first_among_many", "thousands_of_documents_come_back_in_order")
class WorstFirst(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return hits[::-1]


@caught_by("equal_scores_keep_the_order_they_came_in")
class SortsUnstably(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return sorted(hits, key=lambda hit: (-hit.score, hit.id[::-1]))


@caught_by("equal_scores_keep_the_order_they_came_in", "documents_that_share_an_id_are_not_lost_for_it")
class DropsTies(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return list({hit.score: hit for hit in hits}.values())


@caught_by("documents_that_share_an_id_are_not_lost_for_it")
class KeysByIdAlone(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return list({hit.id: hit for hit in hits}.values())


@caught_by("ids_texts_and_metadata_come_back", "one_document_is_an_answer")
class LosesIds(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return [replace(hit, id=str(place)) for place, hit in enumerate(hits)]


@caught_by("ids_texts_and_metadata_come_back")
class DropsFalsyMetadata(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return [replace(hit, metadata={k: v for k, v in hit.metadata.items() if v}) for hit in hits]


@caught_by("scores_are_python_floats")
class GivesNumpyScores(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return [replace(hit, score=np.float32(hit.score)) for hit in hits]


@caught_by("what_is_added_to_metadata_can_be_written_as_json")
class WritesNumpyIntoMetadata(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        for hit in hits:
            hit.document.metadata["relevance_score"] = np.float32(hit.score)
        return hits


@caught_by("an_odd_text_gets_a_score_and_comes_back_as_it_was")
class StripsTexts(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return [replace(hit, text=hit.text.strip().replace("\0", "")) for hit in hits]


@caught_by("an_odd_text_gets_a_score_and_comes_back_as_it_was")
class DropsEmptyDocuments(Asking):
    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        return component, query, [each for each in documents if each.text]


@caught_by("an_odd_query_gets_an_answer")
class WritesQueriesAsAscii(Asking):
    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        query.encode("utf-8")
        return component, query, documents


@caught_by("best_comes_first_among_many", "all_are_kept_by_default")
class KeepsTenUnasked(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return hits[:10]


@caught_by("no_documents_are_no_answer_and_no_error")
class FailsWithoutDocuments(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return [hits[0], *hits[1:]]


@caught_by("the_callers_list_may_be_any_sequence")
class WantsAList(Asking):
    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        if isinstance(documents, tuple):
            raise TypeError("not a list")
        return component, query, documents


# Whose documents they are


@caught_by("the_callers_documents_are_untouched", "an_answer_may_be_written_to")
class WritesScoresIntoTheCallersDocuments(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        for document in documents:
            document.metadata["score"] = 0.5
        return hits


@caught_by("an_answer_may_be_written_to")
class SharesMetadata(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        given = {document.id: document for document in documents}
        return [replace(hit, document=replace(hit.document, metadata=given[hit.id].metadata)) for hit in hits]


@caught_by("an_answer_can_be_ranked_again_and_stays_as_it_was")
class RescoresInPlace(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        for document in documents:
            if "seen" in document.metadata:
                document.metadata["seen"] += 1
        for hit in hits:
            hit.document.metadata["seen"] = 1
        return hits


# Which are kept


@caught_by("top_k_keeps_the_first")
class KeepsOneTooMany(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        if options.get("top_k") is not None and type(options["top_k"]) is int and options["top_k"] > 0:
            options["top_k"] += 1
        return super().make(**options)


@caught_by("a_score_equal_to_the_threshold_is_kept")
class LeavesOutTheThresholdItself(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        if isinstance(options.get("threshold"), float):
            options["threshold"] += 1e-9
        return super().make(**options)


@caught_by("a_threshold_of_zero_is_a_threshold")
class TakesZeroForNone(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        return super().make(**{**options, "threshold": options.get("threshold") or None})


@caught_by("a_threshold_keeps_what_reaches_it", "a_threshold_above_all_scores_keeps_none")
class HasNoThreshold(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        return super().make(**{**options, "threshold": None})


@caught_by("a_threshold_comes_before_top_k", "top_k_keeps_the_first")
class CutsTheListBeforeItScores(Asking):
    def spoilt(self, component: Any, query: Any, documents: Any) -> tuple[Any, Any, Any]:
        return component, query, documents[: component.options.top_k]


@caught_by("a_call_that_asks_for_none_takes_the_components_own", "the_call_overrides_the_component")
class ForgetsItsOwnTopK(PlainDriver):
    def run(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return super().run(self.forgetful(component), query, documents, **call)

    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return await super().arun(self.forgetful(component), query, documents, **call)

    def forgetful(self, component: PlainReranker) -> PlainReranker:
        return replace(component, options=component.options.with_(top_k=None))


class CallChanging(PlainDriver):
    """A flaw in what becomes of the options of a call."""

    def run(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return super().run(self.taken(component), query, documents, **self.changed(call))

    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return await super().arun(self.taken(component), query, documents, **self.changed(call))

    def taken(self, component: PlainReranker) -> PlainReranker:
        return component

    def changed(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        return call


@caught_by("a_threshold_of_zero_overrides_another", "a_call_with_a_bad_value_is_refused_by_name")
class TakesFalsyCallsForNone(CallChanging):
    def changed(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: value for name, value in call.items() if value and value == value and value > 0}


@caught_by("calls_that_differ_share_one_model")
class OpensAModelPerCall(CallChanging):
    def taken(self, component: PlainReranker) -> PlainReranker:
        return PlainReranker(component.options)
