"""Timing side by side: contenders take turns, so that whatever slows the machine slows them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.machine import Use, watched

__all__ = ["Race", "Times", "interleaved", "taking_turns"]


@dataclass(frozen=True)
class Times:
    """Seconds of one contender, round by round."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """In seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Fastest and slowest, in seconds."""
        return min(self.seconds), max(self.seconds)

    def ratios(self, other: Times) -> list[float]:
        """How many times faster than `other`, round by round."""
        return [theirs / ours for theirs, ours in zip(other.seconds, self.seconds, strict=True)]


@dataclass(frozen=True)
class Race:
    """Every contender's times, and what others used of the machine meanwhile."""

    times: dict[str, Times]
    use: Use


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm_up: int = 1,
    wait: Callable[[], None] | None = None,
) -> Race:
    """`taking_turns` for contenders of this process, whose calls are timed here."""
    stopwatches = {name: _timed(call) for name, call in contenders.items()}
    return taking_turns(stopwatches, rounds, warm_up=warm_up, wait=wait)


def taking_turns(
    contenders: Mapping[str, Callable[[], float]],
    rounds: int,
    *,
    warm_up: int = 1,
    wait: Callable[[], None] | None = None,
    workers: Sequence[int] = (),
) -> Race:
    """Run every contender once a round; each round begins with another, so that none always follows the same.

    Args:
        contenders: what to run, by name; each says how many seconds it took.
        rounds: how many rounds count.
        warm_up: how many come before them.
        wait: called after a round in which others used the machine, which is then run again. Only for
            rounds of a second and more: what others take is known to a hundredth of a second.
        workers: processes that work for the contenders, and are not others.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    others = Use()
    number = -warm_up
    while number < rounds:
        first = number % len(names)
        took: dict[str, float] = {}
        with watched(workers) as use:
            for name in names[first:] + names[:first]:
                took[name] = contenders[name]()
        if number < 0:
            number += 1
            continue
        if wait is not None and not use.quiet:
            wait()
            continue
        others.add(use)
        for name in names:
            seconds[name].append(took[name])
        number += 1
    return Race({name: Times(each) for name, each in seconds.items()}, others)


def _timed(call: Callable[[], object]) -> Callable[[], float]:
    def stopwatch() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return stopwatch
