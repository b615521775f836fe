"""Tests of a reranking component over a fake scorer, which checks more than a real model allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from pertinence.errors import PertinenceError
from pertinence.testing.driver import Hit
from pertinence.testing.fake import FakeScorer
from pertinence.testing.patching import scoring_with
from pertinence.testing.suites.answers import TEXTS, AnswersConformance
from pertinence.testing.suites.component import QUERY
from pertinence.testing.suites.faked import OTHER_VALUES, FakedConformance

__all__ = ["RerankerConformance"]


class RerankerConformance(FakedConformance, AnswersConformance):
    """Tests that every reranking adapter must pass, whatever model is behind it."""

    other_values: ClassVar[Mapping[str, Any]] = {
        **OTHER_VALUES,
        "score_kind": "logit",
        "truncation": "only_second",
    }

    @pytest.fixture(autouse=True)
    def model(self) -> Iterator[FakeScorer]:
        """Replace every model by a fake and yield it. A test may inspect the requests that it received."""
        scorer = FakeScorer()
        with scoring_with(scorer) as self.made:
            yield scorer
        scorer.close()

    @pytest.fixture
    def scorer(self, model: FakeScorer) -> FakeScorer:
        """Return the same fake as `model`, under the name of its kind."""
        return model

    def assert_same(self, answer: Sequence[Hit], other: Sequence[Hit]) -> None:
        """Check that the order and the scores are equal to the last bit: a fake scorer has no rounding."""
        assert answer == other

    # Order

    def test_best_comes_first(self) -> None:
        assert [hit.id for hit in self.rank()] == ["both", "twin-1", "twin-2", "one", "none"]

    def test_equal_scores_keep_the_order_they_came_in(self) -> None:
        levels = ["a river", "an old river", "no such word"]
        texts = {f"id-{number}": levels[number % 3] for number in range(300)}
        in_order = [f"id-{number}" for level in (1, 0, 2) for number in range(level, 300, 3)]
        assert [hit.id for hit in self.rank(documents=self.documents(texts))] == in_order

    def test_thousands_of_documents_come_back_in_order(self) -> None:
        words = ["a", "river", "ran", "past", "seven", "mills", "and", "no", "eighth"]
        texts = {f"id-{number}": " ".join(words[: 2 + number % 7]) for number in range(3001)}
        found = [hit.id for hit in self.run(self.make(), QUERY, self.documents(texts))]
        assert found == [f"id-{number}" for level in range(7) for number in range(level, 3001, 7)]

    # Selection of the kept documents

    def test_a_score_equal_to_the_threshold_is_kept(self) -> None:
        hits = self.rank()
        assert self.rank(threshold=hits[2].score) == hits[:3]

    def test_a_threshold_of_zero_is_a_threshold(self) -> None:
        kept = self.rank(threshold=0.0, score_kind=self.driver.value("score_kind", "logit"))
        assert [hit.id for hit in kept] == ["both", "twin-1", "twin-2", "one"]

    def test_a_threshold_above_all_scores_keeps_none(self) -> None:
        assert self.rank(threshold=1.5) == []

    # Input of the model

    def test_affixes_are_put_around_what_is_scored_and_not_around_what_comes_back(
        self, scorer: FakeScorer
    ) -> None:
        hits = self.rank(**self.other(*(name for name in self.other_values if name.endswith("fix"))))
        query, texts = scorer.requests[-1]
        assert query == f"query: {QUERY} ?"
        assert texts == [f"passage: {text} ." for text in TEXTS.values()]
        assert {hit.text for hit in hits} == set(TEXTS.values())

    def test_no_documents_need_no_model(self, scorer: FakeScorer) -> None:
        assert self.rank(documents=[]) == []
        assert (scorer.requests, scorer.warm_ups) == ([], 0)

    def test_a_text_that_is_cut_short_is_told_of(
        self, scorer: FakeScorer, caplog: pytest.LogCaptureFixture
    ) -> None:
        scorer.max_words = 100
        documents = self.documents({**TEXTS, "long": "river " * 101})
        told = self.driver.truncated(self.make(), QUERY, documents)
        if told is None:
            assert re.search(r"\b1 of 6 \w+ cut", caplog.text), "no log tells how many texts were cut"
        else:
            assert told == 1

    # Invalid input: a `PertinenceError` that names the item, before any model runs

    @pytest.mark.parametrize("query", [None, 7, "", " \t\n"], ids=repr)
    def test_a_query_without_words_is_refused(self, query: Any, scorer: FakeScorer) -> None:
        self.refused(scorer, query, self.documents(), match="query")

    @pytest.mark.parametrize("query", [None, ""], ids=repr)
    def test_a_query_is_looked_at_even_without_documents(self, query: Any, scorer: FakeScorer) -> None:
        self.refused(scorer, query, [], match="query")

    @pytest.mark.parametrize("text", [None, 7], ids=repr)
    def test_a_text_that_is_no_string_is_refused_by_its_index(self, text: Any, scorer: FakeScorer) -> None:
        documents = self.documents()
        documents[2] = self.driver.document("bad", text, {})
        self.refused(scorer, QUERY, documents, match=r"\b2\b")

    @pytest.mark.parametrize("document", [None, 7], ids=repr)
    def test_what_is_no_document_is_refused_by_its_index(self, document: Any, scorer: FakeScorer) -> None:
        documents = self.documents()
        documents[2] = document
        self.refused(scorer, QUERY, documents, match=r"\b2\b")

    @pytest.mark.parametrize("documents", [None, "a river", 7], ids=repr)
    def test_what_is_no_list_of_documents_is_refused(self, documents: Any, scorer: FakeScorer) -> None:
        self.refused(scorer, QUERY, documents, match=r"documents|nodes|node 0")

    @pytest.mark.parametrize("top_k", [0, -1, 1.5, True], ids=repr)
    def test_a_top_k_that_keeps_nothing_is_refused(self, top_k: Any) -> None:
        with pytest.raises(PertinenceError, match=rf"{self.driver.word('top_k')}.* {top_k}"):
            self.rank(top_k=top_k)

    @pytest.mark.parametrize("threshold", [float("nan"), "high"], ids=repr)
    def test_a_threshold_that_is_no_number_is_refused(self, threshold: Any) -> None:
        with pytest.raises(PertinenceError, match=self.driver.word("threshold")):
            self.rank(threshold=threshold)

    def refused(self, scorer: FakeScorer, query: Any, documents: Any, *, match: str) -> None:
        """Check that both entry points reject this input, and that no model received a request."""
        component = self.make()
        with pytest.raises(PertinenceError, match=match):
            self.run(component, query, documents)
        with pytest.raises(PertinenceError, match=match):
            self.arun(component, query, documents)
        assert scorer.requests == []
