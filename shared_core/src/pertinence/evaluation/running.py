"""Rank every task with one system, with the queue kept full, and write down each ranking as it comes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from pertinence.errors import ScoreError
from pertinence.evaluation.checkpoint import Checkpoint, Ranked
from pertinence.evaluation.systems import System
from pertinence.evaluation.tasks import Task

__all__ = ["AHEAD", "Search", "Watch", "rank_all", "search_all"]

# Queries on their way at once. The model never waits for the disk, and no more than these are in memory.
AHEAD = 8


class Watch(Protocol):
    """Told how a system gets on."""

    def __call__(self, system: str, done: int, total: int) -> None:
        """So many of all queries are ranked."""


class Search(Protocol):
    """A retriever that has its index."""

    def __call__(self, queries: Iterable[tuple[str, str]], top: int) -> Iterator[Ranked]:
        """The best passages of each query (id and text), in the queries' order."""


def rank_all(
    system: System,
    tasks: Iterable[Task],
    checkpoint: Checkpoint,
    total: int,
    watch: Watch,
) -> None:
    """Rank what the checkpoint does not hold yet.

    Args:
        system: what ranks; its model is loaded only if there is something to rank.
        tasks: one for each query.
        checkpoint: open; what it holds is not ranked again.
        total: how many queries there are, for `watch`.
        watch: told after every query.
    """
    done = {ranked.query for ranked in checkpoint}
    watch(system.name, len(done), total)
    if len(done) >= total:
        return
    pending: deque[tuple[str, Future[Ranked]]] = deque()
    with ThreadPoolExecutor(max_workers=AHEAD, thread_name_prefix="pertinence-evaluate") as pool:
        clock = _Clock()
        count = len(done)

        def collect() -> None:
            nonlocal count
            ranked = _result(*pending.popleft())
            checkpoint.add(replace(ranked, seconds=clock.lap()))
            count += 1
            watch(system.name, count, total)

        try:
            for task in tasks:
                if task.query in done:
                    continue
                if not clock.running:
                    # Loading is no part of how long a query takes.
                    system.warm_up()
                    clock.start()
                if len(pending) == AHEAD:
                    collect()
                pending.append((task.query, pool.submit(system.rank, task)))
            while pending:
                collect()
        except BaseException:
            for _, future in pending:
                future.cancel()
            raise


def search_all(
    name: str,
    make: Callable[[], Search],
    queries: Mapping[str, str],
    top: int,
    checkpoint: Checkpoint,
    watch: Watch,
) -> None:
    """Retrieve for the queries (id -> text) that the checkpoint does not hold yet.

    Args:
        name: of the retriever.
        make: gives it its index; called only if there is something to retrieve.
        queries: what is asked.
        top: how many passages to keep of each.
        checkpoint: open; what it holds is not asked again.
        watch: told after every query.
    """
    done = {ranked.query for ranked in checkpoint}
    waiting = [(query, text) for query, text in queries.items() if query not in done]
    search = make() if waiting else None
    watch(name, len(done), len(queries))
    if search is None:
        return
    clock = _Clock()
    clock.start()
    for count, ranked in enumerate(search(waiting, top), start=len(done) + 1):
        checkpoint.add(replace(ranked, seconds=clock.lap()))
        watch(name, count, len(queries))


def _result(query: str, future: Future[Ranked]) -> Ranked:
    """What came of a query; a score that is none is told with it."""
    try:
        return future.result()
    except ScoreError as error:
        raise ScoreError(f"query {query!r}: {error}") from error


class _Clock:
    """Laps, in seconds."""

    def __init__(self) -> None:
        self._last: float | None = None

    @property
    def running(self) -> bool:
        return self._last is not None

    def start(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        last, self._last = self._last, now
        return 0.0 if last is None else now - last
