"""Additional tests for components whose calls take `top_k` and `threshold`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pertinence.errors import PertinenceError
from pertinence.testing.driver import Hit
from pertinence.testing.fake import FakeScorer
from pertinence.testing.suites.answers import TEXTS
from pertinence.testing.suites.component import QUERY
from pertinence.testing.suites.reranker import RerankerConformance

__all__ = ["PerCallConformance"]


class PerCallConformance(RerankerConformance):
    """Tests of a component whose calls take `top_k` and `threshold`."""

    def called(self, component: Any, **options: Any) -> list[Hit]:
        """Return the answer to a call with these options.

        Check that both entry points give the same answer.
        """
        call = {self.driver.word(name): value for name, value in options.items()}
        hits = self.driver.run(component, QUERY, self.documents(), **call)
        assert asyncio.run(self.driver.arun(component, QUERY, self.documents(), **call)) == hits
        return hits

    def test_the_call_overrides_the_component(self) -> None:
        hits = self.rank()
        component = self.make(top_k=1, threshold=hits[1].score)
        assert self.called(component, top_k=4, threshold=0.0) == hits[:4]
        assert self.called(component) == hits[:1]

    def test_a_call_that_asks_for_none_takes_the_components_own(self) -> None:
        assert len(self.called(self.make(top_k=2), top_k=None, threshold=None)) == 2

    def test_a_threshold_of_zero_overrides_another(self) -> None:
        component = self.make(threshold=0.99)
        assert self.called(component) == []
        assert len(self.called(component, threshold=0.0)) == len(TEXTS)

    @pytest.mark.parametrize(("name", "value"), [("top_k", 0), ("top_k", -1), ("threshold", float("nan"))])
    def test_a_call_with_a_bad_value_is_refused_by_name(
        self, name: str, value: Any, scorer: FakeScorer
    ) -> None:
        with pytest.raises(PertinenceError, match=self.driver.word(name)):
            self.called(self.make(), **{name: value})
        assert scorer.requests == []

    def test_calls_that_differ_share_one_model(self) -> None:
        component = self.make()
        before = len(self.made)
        for top_k in (1, 2, 3):
            self.called(component, top_k=top_k)
        assert len(self.made) <= before + 1
