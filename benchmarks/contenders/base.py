"""What every contender is asked: take work, do it against the clock, give its scores in input order."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

__all__ = ["Contender"]

D = TypeVar("D")
R = TypeVar("R")


class Contender(ABC, Generic[D, R]):
    """A reranker with its model loaded: `D` is what it takes its texts as, `R` what it gives back."""

    def __init__(self) -> None:
        self._work: dict[str, list[tuple[str, D]]] = {}
        self._results: dict[str, list[R]] = {}

    @abstractmethod
    def documents(self, texts: Sequence[str]) -> D:
        """The texts as its user has them at hand: not timed."""

    @abstractmethod
    def run(self, query: str, documents: D) -> R:
        """What its user calls: timed."""

    @abstractmethod
    def values(self, result: R) -> list[float]:
        """Probabilities in input order."""

    def one_logits(self, query: str, documents: D) -> list[float] | None:
        """Logits in input order; None from a contender that does not give them."""
        return None

    def how(self) -> dict[str, str]:
        """Backend and precision that it runs in, as far as it chose them itself."""
        return {}

    def take(self, work: str, queries: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Keep queries with their texts under a name."""
        self._work[work] = [(query, self.documents(texts)) for query, texts in queries]

    def score(self, work: str) -> float:
        """Seconds that all queries of the work took, one after the other."""
        start = time.perf_counter()
        results = [self.run(query, documents) for query, documents in self._work[work]]
        took = time.perf_counter() - start
        self._results[work] = results
        return took

    def probabilities(self, work: str) -> list[list[float]]:
        """Of the last time that this work was done, query by query."""
        return [self.values(result) for result in self._results[work]]

    def logits(self, work: str) -> list[list[float]] | None:
        """The same as logits, for which the work is done once more."""
        found = [self.one_logits(query, documents) for query, documents in self._work[work]]
        return None if None in found else [each for each in found if each is not None]

    def forget(self, work: str) -> None:
        """Drop work and results, which would count as memory of what comes next."""
        self._work.pop(work, None)
        self._results.pop(work, None)
