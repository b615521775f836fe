"""Each framework's adapter against `Reranker.rank` where a real model does the work."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from statistics import median

from benchmarks.clock import Race, interleaved
from benchmarks.doors import CORE, doors
from benchmarks.machine import cores, facts, wait_until_quiet
from benchmarks.report import Report, Table, Target
from benchmarks.texts import plain_passages

__all__ = ["measure"]

# Passages of a call, and rounds: a short call needs more of them to be known as well.
SIZES = {20: 31, 100: 15}
WORDS = 80
MOST = 0.03


def measure(asked: argparse.Namespace) -> Report:
    """The four doors in turns, in one process, on one loaded model."""
    wait = None if asked.anyway else partial(wait_until_quiet, asked.patience * 60)
    races: dict[int, Race] = {}
    for size, rounds in SIZES.items():
        # A quiet round must be long enough for its quiet to be seen: that of 20 passages takes a second.
        races[size] = interleaved(doors(plain_passages(size, WORDS)), asked.rounds or rounds, wait=wait)
    return Report(
        name="frameworks",
        tables=[
            Table(
                title=f"The embedded default on {size} passages of {WORDS} words, all kept",
                columns=("call", "median ms", "fastest to slowest", "x `Reranker.rank`"),
                rows=list(_rows(race)),
            )
            for size, race in races.items()
        ],
        targets=[
            Target(
                what=f"{name}, {size} passages: more than the bare core",
                wanted=f"<= {MOST:.0%}",
                got=f"{_more(race, name):+.1%}",
                met=_more(race, name) <= MOST,
            )
            for size, race in races.items()
            for name in race.times
            if name != CORE
        ],
        notes=[
            f"{' and '.join(str(asked.rounds or each) for each in SIZES.values())} rounds after one that is "
            "not counted, the four taking turns on one loaded model, as it runs when nothing is asked for.",
            "x `Reranker.rank`: the median of the rounds' own ratios.",
            f"Threads: {cores()}.",
            max(races.values(), key=lambda race: race.use.by_others or 0.0).use.told,
        ],
        figures={
            "machine": facts(),
            "seconds": {
                size: {name: times.seconds for name, times in race.times.items()}
                for size, race in races.items()
            },
            "taken_by_others": {size: race.use.by_others for size, race in races.items()},
        },
    )


def _rows(race: Race) -> Iterator[list[str]]:
    for name, times in race.times.items():
        low, high = times.spread
        yield [
            name,
            f"{times.median * 1000:.1f}",
            f"{low * 1000:.1f} to {high * 1000:.1f}",
            f"{1 + _more(race, name):.3f}",
        ]


def _more(race: Race, name: str) -> float:
    """What it takes more than the core, as a share of what that takes."""
    return median(race.times[CORE].ratios(race.times[name])) - 1
