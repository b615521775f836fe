"""Timing side by side: contenders take turns, so that whatever slows the machine slows them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.machine import Use, watched

__all__ = ["Race", "Times", "interleaved"]


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
    """Run every contender once a round; each round begins with another, so that none always follows the same.

    Args:
        contenders: what to run, by name.
        rounds: how many rounds count.
        warm_up: how many come before them.
        wait: called after a round in which others used the machine, which is then run again. Only for
            rounds of a second and more: what others take is known to a hundredth of a second.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    others = Use()
    number = -warm_up
    while number < rounds:
        first = number % len(names)
        took: dict[str, float] = {}
        with watched() as use:
            for name in names[first:] + names[:first]:
                start = time.perf_counter()
                contenders[name]()
                took[name] = time.perf_counter() - start
        if wait is not None and not use.quiet:
            wait()
            continue
        if number >= 0:
            others.add(use)
            for name in names:
                seconds[name].append(took[name])
        number += 1
    return Race({name: Times(each) for name, each in seconds.items()}, others)
