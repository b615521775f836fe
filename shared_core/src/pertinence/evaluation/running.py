"""Ranking of all tasks with one system: the queue is kept full, and each ranking is saved at once."""

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

# Number of queries in progress at once. The model never waits for the disk, and memory holds no more queries.
AHEAD = 8


class Watch(Protocol):
    """Callback that receives the progress of a system."""

    def __call__(self, system: str, done: int, total: int) -> None:
        """Report that `done` of `total` items (queries, or passages while a corpus is embedded) are done."""


class Search(Protocol):
    """Retriever with its index loaded."""

    def __call__(self, queries: Iterable[tuple[str, str]], top: int) -> Iterator[Ranked]:
        """Yield the `top` best passages of each query (id and text), in the order of the queries."""


def rank_all(
    system: System,
    tasks: Iterable[Task],
    checkpoint: Checkpoint,
    total: int,
    watch: Watch,
) -> None:
    """Rank the tasks that are not in the checkpoint yet.

    Args:
        system: system that ranks; its model is loaded only if there is something to rank.
        tasks: one task per query.
        checkpoint: open checkpoint; queries that it holds are not ranked again.
        total: total number of queries, for `watch`.
        watch: called after every query.
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
                    # Load the model before the clock starts: times per query exclude loading.
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
    """Retrieve passages for the queries (id -> text) that are not in the checkpoint yet.

    Args:
        name: name of the retriever, for `watch`.
        make: builds or loads the index; called only if there is something to retrieve.
        queries: query id -> text.
        top: number of passages to keep per query.
        checkpoint: open checkpoint; queries that it holds are not searched again.
        watch: called after every query.
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
    """Return the result of a query; a `ScoreError` is raised again with the query id in its message."""
    try:
        return future.result()
    except ScoreError as error:
        raise ScoreError(f"query {query!r}: {error}") from error


class _Clock:
    """Stopwatch that measures laps in seconds."""

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
