"""The part of the conformance suite that holds over any scorer, fake or real: what an answer is."""

from __future__ import annotations

import asyncio
import math
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from pertinence.integration import Options
from pertinence.reranker import Reranker
from pertinence.testing.driver import Driver, Hit

__all__ = ["QUERY", "TEXTS", "AnswersConformance"]

QUERY = "old mill river"
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
CLOSE = 1e-6


class AnswersConformance:
    """Set `driver`, and `options` (our names) if the component needs some to find its model."""

    driver: ClassVar[Driver[Any, Any]]
    options: ClassVar[Mapping[str, Any]] = {}

    def make(self, **options: Any) -> Any:
        """A component with these options, under our names."""
        asked = {**self.options, **options}
        return self.driver.make(**{self.driver.word(name): value for name, value in asked.items()})

    def documents(self, texts: Mapping[str, Any] = TEXTS) -> list[Any]:
        """Documents with these ids and texts, and metadata of some depth."""
        return [
            self.driver.document(name, text, metadata_of(name, page))
            for page, (name, text) in enumerate(texts.items())
        ]

    def run(self, component: Any, query: Any, documents: Sequence[Any]) -> list[Hit]:
        """The component's answer."""
        return self.driver.run(component, query, documents)

    def arun(self, component: Any, query: Any, documents: Sequence[Any]) -> list[Hit]:
        """The component's answer, through its asynchronous door."""
        return asyncio.run(self.driver.arun(component, query, documents))

    def rank(self, *, documents: Sequence[Any] | None = None, **options: Any) -> list[Hit]:
        """What a component with these options answers; the same through both doors."""
        component = self.make(**options)
        documents = self.documents() if documents is None else documents
        hits = self.run(component, QUERY, documents)
        assert_same(self.arun(component, QUERY, documents), hits)
        return hits

    def test_ids_texts_and_metadata_come_back(self) -> None:
        hits = {hit.id: hit for hit in self.rank()}
        for page, (name, text) in enumerate(TEXTS.items()):
            assert hits[name].text == text
            assert hits[name].metadata == metadata_of(name, page)

    def test_scores_are_python_floats(self) -> None:
        assert {type(hit.score) for hit in self.rank()} == {float}

    def test_one_document_is_an_answer(self) -> None:
        assert [hit.id for hit in self.rank(documents=self.documents({"only": "a river"}))] == ["only"]

    @pytest.mark.parametrize("name", ODD_TEXTS)
    def test_an_odd_text_gets_a_score_and_comes_back_as_it_was(self, name: str) -> None:
        hits = self.rank(documents=self.documents({**TEXTS, name: ODD_TEXTS[name]}))
        odd = {hit.id: hit for hit in hits}[name]
        assert math.isfinite(odd.score)
        assert odd.text == ODD_TEXTS[name]
        assert len(hits) == len(TEXTS) + 1

    def test_the_answer_is_that_of_the_reranker(self) -> None:
        reranker = Reranker.from_options(Options.of(self.options))
        ranking = reranker.rank(QUERY, list(TEXTS.values()))
        hits = self.rank()
        assert [hit.id for hit in hits] == [list(TEXTS)[item.index] for item in ranking]
        assert [hit.score for hit in hits] == pytest.approx(ranking.scores, abs=CLOSE)

    def test_eight_threads_get_the_answers_of_one(self) -> None:
        component, queries = self.make(), many_queries(32)
        alone = [self.run(component, query, self.documents()) for query in queries]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda query: self.run(component, query, self.documents()), queries))
        for one, other in zip(together, alone, strict=True):
            assert_same(one, other)

    def test_sixty_four_tasks_get_the_answers_of_one(self) -> None:
        async def main() -> list[list[Hit]]:
            return await asyncio.gather(
                *(self.driver.arun(component, query, self.documents()) for query in queries)
            )

        component, queries = self.make(), many_queries(64)
        alone = [self.run(component, query, self.documents()) for query in queries]
        for one, other in zip(asyncio.run(main()), alone, strict=True):
            assert_same(one, other)

    def test_a_pickled_component_gives_the_same_answer(self) -> None:
        component = self.make()
        hits = self.run(component, QUERY, self.documents())
        assert_same(self.run(pickle.loads(pickle.dumps(component)), QUERY, self.documents()), hits)


def metadata_of(name: str, page: int) -> dict[str, Any]:
    """Metadata of some depth, with values that a careless test for truth would drop."""
    return {"source": f"{name}.txt", "page": page, "note": "", "tags": ["a", {"b": [None]}]}


def many_queries(count: int) -> list[str]:
    """Queries that differ, so that an answer given to the wrong caller is seen."""
    words = ["old", "mill", "river", "spring", "flood", "taxes", "may"]
    picked = ((word for bit, word in enumerate(words) if number >> bit & 1) for number in range(1, count + 1))
    return [" ".join(each) for each in picked]


def assert_same(hits: Sequence[Hit], others: Sequence[Hit]) -> None:
    """The same documents with the same scores, in the same order but for scores too close to call."""
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in others], abs=CLOSE)
    scores = {hit.id: hit.score for hit in others}
    assert {hit.id for hit in hits} == set(scores)
    for hit in hits:
        assert hit.score == pytest.approx(scores[hit.id], abs=CLOSE)
