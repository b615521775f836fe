"""Timing side by side: contenders take turns, so that whatever slows the machine slows them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Times", "interleaved"]


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


def interleaved(
    contenders: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 1
) -> dict[str, Times]:
    """Run every contender once a round; `warm_up` rounds before the first are not counted.

    Each round begins with another contender, so that none always follows the same one.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            contenders[name]()
            took = time.perf_counter() - start
            if number >= 0:
                seconds[name].append(took)
    return {name: Times(each) for name, each in seconds.items()}
