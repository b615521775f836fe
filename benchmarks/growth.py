"""How cost grows with the number of documents and with their length: ours as it runs when nothing is asked
for, and `sentence_transformers.CrossEncoder.predict`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from benchmarks.clock import Race, taking_turns
from benchmarks.engines import AUTO, PREDICT, Fleet, fleet
from benchmarks.machine import Use, cores, facts, wait_until_quiet
from benchmarks.models import DEFAULT, own_cache, prepared
from benchmarks.report import Report, Table
from benchmarks.texts import Work, even

__all__ = ["measure"]

DOCUMENTS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
LENGTH = 64
LENGTHS = (16, 32, 64, 128, 256, 512)
DOCUMENTS_OF_A_LENGTH = 32
ROUNDS = 5
# What takes minutes is known well enough after one round.
LONG = 3_000
# Below this a round is too short to tell whether others disturbed it.
SHORT = 100
COLUMNS = (
    "ours, ms",
    "predict, ms",
    "x predict",
    "ours, tokens/s",
    "predict, tokens/s",
    "ours, peak MB",
    "predict, peak MB",
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One size: its race, and the most bytes that each engine's process has held so far."""

    documents: int
    length: int
    race: Race
    memory: dict[str, int]

    @property
    def faster(self) -> float:
        """The median of the rounds' own ratios."""
        return median(self.race.times[AUTO.name].ratios(self.race.times[PREDICT.name]))

    def cells(self) -> list[str]:
        """Its line, without what it is the line of."""
        times = [self.race.times[engine.name] for engine in (AUTO, PREDICT)]
        tokens = self.documents * self.length
        return [
            *(f"{each.median * 1000:,.0f}" for each in times),
            f"{self.faster:.2f}",
            *(f"{tokens / each.median:,.0f}" for each in times),
            *(f"{self.memory[engine.name] / 1e6:,.0f}" for engine in (AUTO, PREDICT)),
        ]

    def figures(self) -> dict[str, Any]:
        """Everything, unrounded."""
        return {
            "documents": self.documents,
            "length": self.length,
            "seconds": {name: times.seconds for name, times in self.race.times.items()},
            "times_predict": self.faster,
            "peak_memory": self.memory,
            "taken_by_others": self.race.use.by_others,
        }


def measure(asked: argparse.Namespace) -> Report:
    """Documents first, from few to many, so that the memory of each size is its own."""
    wait = None if asked.anyway else partial(wait_until_quiet, asked.patience * 60)
    rounds = asked.rounds or ROUNDS
    with own_cache(), prepared(DEFAULT) as model, fleet(model, [AUTO, PREDICT]) as engines:
        many = [
            _point(even(model.tokenizer, size, LENGTH), size, LENGTH, engines, rounds, wait)
            for size in asked.documents or DOCUMENTS
        ]
    with own_cache(), prepared(DEFAULT) as model, fleet(model, [AUTO, PREDICT]) as engines:
        size = DOCUMENTS_OF_A_LENGTH
        long = [
            _point(even(model.tokenizer, size, length), size, length, engines, rounds, wait)
            for length in LENGTHS
        ]
    return Report(
        name="growth",
        tables=[
            Table(
                title=f"By documents: pairs of {LENGTH} tokens, one call",
                columns=("documents", *COLUMNS),
                rows=[[f"{each.documents:,}", *each.cells()] for each in many],
                words=0,
            ),
            Table(
                title=f"By length: {DOCUMENTS_OF_A_LENGTH} pairs, one call",
                columns=("tokens of a pair", *COLUMNS),
                rows=[[f"{each.length:,}", *each.cells()] for each in long],
                words=0,
            ),
        ],
        notes=list(_notes([*many, *long], rounds, engines)),
        figures={
            "machine": facts(),
            "by_documents": [each.figures() for each in many],
            "by_length": [each.figures() for each in long],
        },
    )


def _point(
    work: Work,
    documents: int,
    length: int,
    engines: Fleet,
    rounds: int,
    wait: Callable[[], None] | None,
) -> Point:
    long = documents >= LONG
    for worker in engines.workers.values():
        worker.call("take", work=work.name, queries=work.queries)
    race = taking_turns(
        {
            engine.name: worker.stopwatch("score", work=work.name)
            for engine, worker in engines.workers.items()
        },
        1 if long else rounds,
        warm_up=0 if long else 1,
        wait=None if documents * length < SHORT * LENGTH else wait,
        workers=engines.processes,
    )
    memory = {engine.name: worker.peak_memory() for engine, worker in engines.workers.items()}
    for worker in engines.workers.values():
        worker.call("forget", work=work.name)
    return Point(documents=documents, length=length, race=race, memory=memory)


def _notes(points: list[Point], rounds: int, engines: Fleet) -> Iterator[str]:
    yield (
        f"The embedded default, French words, documents all different. Rounds: {rounds} after one that is "
        f"not counted, a single one from {LONG:,} documents on; each engine in a process of its own, "
        "taking turns. x predict: the median of the rounds' own ratios."
    )
    yield (
        "Ours is `Reranker.score` with neither backend nor precision named: "
        f"{' '.join(engines.kernels[AUTO])} ({engines.why}). predict is "
        "`sentence_transformers.CrossEncoder.predict` in float32."
    )
    yield "Peak MB: the most that the process has held so far, loading included, in MB of 1,000,000 bytes."
    yield (
        "The embedded default reads 256 tokens: of longer pairs both engines cut the rest, and tokens/s "
        "count them as they were given."
    )
    yield f"Threads: {cores()}."
    # Of all together: the shortest take too little time for it to be known.
    use = Use()
    for each in points:
        use.add(each.race.use)
    yield use.told
