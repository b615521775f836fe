"""Tests of the answers of a reranking component, over any scorer, fake or real."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from pertinence.testing.driver import Driver, Hit
from pertinence.testing.suites.component import CLOSE, QUERY, ComponentConformance, many_queries

__all__ = ["TEXTS", "AnswersConformance", "metadata_of"]

TEXTS = {
    "none": "Taxes are due in May",
    "twin-1": "the mill by the river",
    "both": "an old mill on the river",
    "twin-2": "the mill by the river",
    "one": "a river in spring flood",
}
ODD_TEXTS = {
    "empty": "",
    "blank": " \t\n",
    "long": "river " * 33_000,
    "one word": "r" * 200_000,
    "emoji": "the mill \N{WATER WAVE}\N{ZERO WIDTH JOINER}\N{RAINBOW}",
    "nul": "mill\0river",
    "lone surrogate": "mill \ud83c river",
    "right to left": "\N{ARABIC LETTER NOON}\N{ARABIC LETTER HEH}\N{ARABIC LETTER REH}",
}
ODD_QUERIES = {name: text for name, text in ODD_TEXTS.items() if name not in ("empty", "blank")}
MANY = 100


class AnswersConformance(ComponentConformance):
    """Tests of the answers of a reranking component.

    Set `driver`, and `options` (our names) if the component needs some to find its model.
    """

    driver: ClassVar[Driver[Any, Any]]

    def documents(self, texts: Mapping[str, Any] = TEXTS) -> list[Any]:
        """Create documents with these ids and texts, and nested metadata."""
        return [
            self.driver.document(name, text, metadata_of(name, page))
            for page, (name, text) in enumerate(texts.items())
        ]

    def run(self, component: Any, query: Any, documents: Sequence[Any]) -> list[Hit]:
        """Return the component's answer."""
        return self.driver.run(component, query, documents)

    def arun(self, component: Any, query: Any, documents: Sequence[Any]) -> list[Hit]:
        """Return the component's answer, through its asynchronous entry point."""
        return asyncio.run(self.driver.arun(component, query, documents))

    def ask(self, component: Any, query: Any = QUERY) -> list[Hit]:
        return self.driver.run(component, query, self.documents())

    async def aask(self, component: Any, query: Any = QUERY) -> list[Hit]:
        return await self.driver.arun(component, query, self.documents())

    def assert_same(self, answer: Sequence[Hit], other: Sequence[Hit]) -> None:
        """Check that two answers hold the same documents with the same scores, within `CLOSE`.

        The order must be the same too, except among scores that are that close.
        """
        assert [hit.score for hit in answer] == pytest.approx([hit.score for hit in other], abs=CLOSE)
        scores = {(hit.id, hit.text): hit.score for hit in other}
        assert {(hit.id, hit.text) for hit in answer} == set(scores)
        for hit in answer:
            assert hit.score == pytest.approx(scores[hit.id, hit.text], abs=CLOSE), hit.id

    def rank(self, *, documents: Sequence[Any] | None = None, **options: Any) -> list[Hit]:
        """Return the answer of a component with these options.

        Check that both entry points give the same answer.
        """
        component = self.make(**options)
        documents = self.documents() if documents is None else documents
        hits = self.run(component, QUERY, documents)
        self.assert_same(self.arun(component, QUERY, documents), hits)
        return hits

    # Content of an answer

    def test_ids_texts_and_metadata_come_back(self) -> None:
        hits = {hit.id: hit for hit in self.rank()}
        assert set(hits) == set(TEXTS)
        for page, (name, text) in enumerate(TEXTS.items()):
            assert hits[name].text == text
            assert hits[name].metadata == metadata_of(name, page)

    def test_scores_are_python_floats(self) -> None:
        assert {type(hit.score) for hit in self.rank()} == {float}

    def test_what_is_added_to_metadata_can_be_written_as_json(self) -> None:
        for hit in self.rank():
            if hit.document is not None:
                json.dumps(self.driver.metadata(hit.document))

    def test_best_comes_first_among_many(self) -> None:
        texts = {f"id-{number}": text for number, text in enumerate(many_queries(MANY))}
        hits = self.rank(documents=self.documents(texts))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert {hit.id for hit in hits} == set(texts)

    def test_one_document_is_an_answer(self) -> None:
        assert [hit.id for hit in self.rank(documents=self.documents({"only": "a river"}))] == ["only"]

    def test_no_documents_are_no_answer_and_no_error(self) -> None:
        assert self.rank(documents=[]) == []

    def test_the_callers_list_may_be_any_sequence(self) -> None:
        documents = self.documents()
        component = self.make()
        self.assert_same(self.run(component, QUERY, tuple(documents)), self.run(component, QUERY, documents))

    @pytest.mark.parametrize("name", ODD_TEXTS)
    def test_an_odd_text_gets_a_score_and_comes_back_as_it_was(self, name: str) -> None:
        hits = self.rank(documents=self.documents({**TEXTS, name: ODD_TEXTS[name]}))
        assert len(hits) == len(TEXTS) + 1
        odd = {hit.id: hit for hit in hits}[name]
        assert math.isfinite(odd.score)
        assert odd.text == ODD_TEXTS[name]

    @pytest.mark.parametrize("name", ODD_QUERIES)
    def test_an_odd_query_gets_an_answer(self, name: str) -> None:
        hits = self.run(self.make(), ODD_QUERIES[name], self.documents())
        assert len(hits) == len(TEXTS)
        assert all(math.isfinite(hit.score) for hit in hits)

    # Ownership: input documents stay unchanged, and answers are independent copies

    def test_the_callers_documents_are_untouched(self) -> None:
        documents = self.documents()
        before = copy.deepcopy(documents)
        self.rank(documents=documents)
        assert documents == before

    def test_an_answer_may_be_written_to(self) -> None:
        documents = self.documents()
        before = copy.deepcopy(documents)
        for hit in self.rank(documents=documents):
            if hit.document is not None:
                assert all(hit.document is not given for given in documents)
                self.driver.metadata(hit.document)["seen"] = True
        assert documents == before, "what was written to an answer stands in the caller's documents"

    def test_an_answer_can_be_ranked_again_and_stays_as_it_was(self) -> None:
        component = self.make()
        hits = [hit for hit in self.ask(component) if hit.document is not None]
        found = [hit.document for hit in hits]
        before = copy.deepcopy(found)
        again = self.run(component, "spring flood", found)
        assert {hit.id for hit in again} == {hit.id for hit in hits}
        assert found == before

    def test_documents_that_share_an_id_are_not_lost_for_it(self) -> None:
        documents = [*self.documents(), self.driver.document("one", "the old river", {})]
        hits = self.rank(documents=documents)
        if self.driver.merges_ids:
            assert sorted(hit.id for hit in hits) == sorted(TEXTS)
        else:
            assert sorted(hit.text for hit in hits) == sorted([*TEXTS.values(), "the old river"])

    # Selection of the kept documents

    def test_all_are_kept_by_default(self) -> None:
        texts = {f"id-{number}": f"mill number {number}" for number in range(30)}
        assert len(self.rank(documents=self.documents(texts))) == 30

    @pytest.mark.parametrize("top_k", [1, 3, len(TEXTS), len(TEXTS) + 1])
    def test_top_k_keeps_the_first(self, top_k: int) -> None:
        self.assert_same(self.rank(top_k=top_k), self.rank()[:top_k])

    def test_a_threshold_keeps_what_reaches_it(self) -> None:
        hits, threshold = self.halves()
        kept = [hit for hit in hits if hit.score >= threshold]
        assert 0 < len(kept) < len(hits)
        self.assert_same(self.rank(threshold=threshold), kept)

    def test_a_threshold_comes_before_top_k(self) -> None:
        hits, threshold = self.halves()
        kept = [hit for hit in hits if hit.score >= threshold]
        self.assert_same(self.rank(threshold=threshold, top_k=1), kept[:1])
        self.assert_same(self.rank(threshold=threshold, top_k=len(kept) + 1), kept)

    def halves(self) -> tuple[list[Hit], float]:
        """Return an answer, and a score in the middle of the widest gap between its scores."""
        hits = self.rank()
        scores = [hit.score for hit in hits]
        high, low = max(itertools.pairwise(scores), key=lambda pair: pair[0] - pair[1])
        return hits, (high + low) / 2


def metadata_of(name: str, page: int) -> dict[str, Any]:
    """Create nested metadata with falsy values, which a careless truth test would drop."""
    return {"source": f"{name}.txt", "page": page, "note": "", "tags": ["a", {"b": [None]}]}
