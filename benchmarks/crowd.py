"""Callers that share one reranker, and how long each of their calls waits."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from pertinence import Reranker

__all__ = ["Crowd", "percentile"]


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Callers that all begin at the same time; each waits for its answer before it calls again.

    Attributes:
        callers: how many.
        calls: how many each makes.
        documents_each: of every call.
        tasks: whether they are tasks of one event loop, or threads.
        waits: seconds of every call, by round.
    """

    callers: int
    calls: int
    documents_each: int
    tasks: bool
    waits: list[list[float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.callers} {'tasks' if self.tasks else 'threads'}"

    @property
    def documents(self) -> int:
        """Of all its calls."""
        return self.callers * self.calls * self.documents_each

    @property
    def p95(self) -> float:
        """Seconds within which 95% of a round's calls are answered: the median of its rounds."""
        return median(percentile(each, 0.95) for each in self.waits)

    def run(self, reranker: Reranker, query: str, texts: Sequence[str]) -> float:
        """Seconds until the last of them has its last answer."""
        waits: list[float] = []
        each = self.documents_each
        shares = [texts[place * each :][:each] for place in range(self.callers * self.calls)]
        start = time.perf_counter()
        if self.tasks:
            asyncio.run(self._as_tasks(reranker, query, shares, waits))
        else:
            self._as_threads(reranker, query, shares, waits)
        took = time.perf_counter() - start
        self.waits.append(waits)
        return took

    def _as_threads(
        self, reranker: Reranker, query: str, shares: Sequence[Sequence[str]], waits: list[float]
    ) -> None:
        def call(caller: int) -> None:
            for share in shares[caller :: self.callers]:
                start = time.perf_counter()
                reranker.rank(query, share)
                waits.append(time.perf_counter() - start)

        threads = [threading.Thread(target=call, args=(caller,)) for caller in range(self.callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    async def _as_tasks(
        self, reranker: Reranker, query: str, shares: Sequence[Sequence[str]], waits: list[float]
    ) -> None:
        async def call(caller: int) -> None:
            for share in shares[caller :: self.callers]:
                start = time.perf_counter()
                await reranker.arank(query, share)
                waits.append(time.perf_counter() - start)

        await asyncio.gather(*map(call, range(self.callers)))


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that `share` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
