"""What each framework's adapter adds to `Reranker.rank`, over a scorer that costs next to nothing."""

from __future__ import annotations

import argparse

from benchmarks.clock import Times, interleaved
from benchmarks.doors import CORE, doors
from benchmarks.machine import facts
from benchmarks.report import Report, Table, Target
from benchmarks.texts import plain_passages
from pertinence.testing import FakeScorer, scoring_with

__all__ = ["measure"]

ROUNDS = 500
DOCUMENTS = 100
WORDS = 100
MILLISECONDS = 1.0


def measure(asked: argparse.Namespace) -> Report:
    """The synchronous door of each adapter, and the core alone, in turns."""
    rounds = asked.rounds or ROUNDS
    with scoring_with(FakeScorer(score=lambda query, text: float(len(text)))):
        race = interleaved(doors(plain_passages(DOCUMENTS, WORDS)), rounds, warm_up=20)
    times = race.times
    added = {name: (each.median - times[CORE].median) * 1000 for name, each in times.items()}
    return Report(
        name="overhead",
        tables=[
            Table(
                title=f"{DOCUMENTS} documents of {WORDS} words, all kept",
                columns=("call", "median ms", "middle half", "added ms"),
                rows=[_row(name, each, added[name]) for name, each in times.items()],
            )
        ],
        targets=[
            Target(
                what=f"{name}, added per {DOCUMENTS} documents",
                wanted=f"< {MILLISECONDS:g} ms",
                got=f"{cost:.2f} ms",
                met=cost < MILLISECONDS,
            )
            for name, cost in added.items()
            if name != CORE
        ],
        notes=[
            f"{rounds} rounds after 20 that are not counted, the four taking turns; the scorer is "
            "`pertinence.testing.FakeScorer`, whose time is in every line and in no difference.",
            race.use.told,
        ],
        figures={
            "machine": facts(),
            "seconds": {name: each.seconds for name, each in times.items()},
            "added_ms": added,
            "taken_by_others": race.use.by_others,
        },
    )


def _row(name: str, times: Times, added: float) -> list[str]:
    ordered = sorted(times.seconds)
    low, high = ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4]
    return [
        name,
        f"{times.median * 1000:.2f}",
        f"{low * 1000:.2f} to {high * 1000:.2f}",
        "" if name == CORE else f"{added:.2f}",
    ]
