"""Which pairs run next: order, fairness and the token budget (pure; no threads, no clock)."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "Pair", "Waiting", "pad"]

Owner = TypeVar("Owner", bound=Hashable)
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pair(Generic[Owner]):
    """One query with one text, as the model will read them.

    Attributes:
        owner: the request it belongs to.
        index: its place among the request's distinct texts.
        ids: int32 token ids of the pair, special tokens included.
        boundary: where the text's tokens (and their token type) begin in `ids`.
    """

    owner: Owner
    index: int
    ids: npt.NDArray[np.int32]
    boundary: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a backend runs: int64 arrays of shape (rows, tokens), padded on the right."""

    ids: Ids
    mask: Ids
    types: Ids


@dataclass(slots=True)
class _Lane(Generic[Owner]):
    """The waiting pairs of one request, by exact length, and how many tokens it has been given."""

    served: int
    by_length: dict[int, list[Pair[Owner]]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)

    def add(self, pair: Pair[Owner]) -> None:
        length = len(pair.ids)
        if length not in self.by_length:
            self.by_length[length] = []
            insort(self.lengths, length)
        self.by_length[length].append(pair)

    def take(self, shortest: int, longest: int, count: int) -> list[Pair[Owner]]:
        """Up to `count` pairs of between `shortest` and `longest` tokens, the longest first."""
        taken: list[Pair[Owner]] = []
        position = bisect_right(self.lengths, longest) - 1
        while position >= 0 and len(taken) < count and self.lengths[position] >= shortest:
            length = self.lengths[position]
            pairs = self.by_length[length]
            keep = max(0, len(pairs) - (count - len(taken)))
            taken += reversed(pairs[keep:])
            del pairs[keep:]
            if not pairs:
                del self.by_length[length]
                del self.lengths[position]
            position -= 1
        return taken


class Waiting(Generic[Owner]):
    """All pairs that wait for one model, from however many requests.

    The request that has been given the fewest tokens leads the next batch with its longest pair, so
    that a short request is never stuck behind a long one; pairs of nearly that length, its own
    first, then other requests', fill the batch. A request that joins starts level with
    the least served (start-time fair queueing: Goyal, Vin and Cheng, 1996).

    Args:
        slack: how much shorter than the longest pair of a batch its other pairs may be, as a share of
            it. Padding then never costs more than this share.
        least_slack: the same in tokens, for very short pairs.
    """

    def __init__(self, slack: float = 0.0625, least_slack: int = 8) -> None:
        self._slack = slack
        self._least_slack = least_slack
        self._lanes: dict[Owner, _Lane[Owner]] = {}
        self._clock = 0
        self.tokens = 0

    def __bool__(self) -> bool:
        return self.tokens > 0

    def add(self, owner: Owner, pairs: Sequence[Pair[Owner]]) -> None:
        """Let `pairs` of `owner` wait."""
        if not pairs:
            return
        lane = self._lanes.get(owner)
        if lane is None:
            lane = self._lanes[owner] = _Lane(served=self._clock)
        for pair in pairs:
            lane.add(pair)
            self.tokens += len(pair.ids)

    def drop(self, owner: Owner) -> None:
        """Forget what waits for `owner`: it was answered, withdrawn or refused."""
        lane = self._lanes.pop(owner, None)
        if lane is not None:
            self.tokens -= sum(length * len(pairs) for length, pairs in lane.by_length.items())

    def next_batch(self, budget: int) -> list[Pair[Owner]]:
        """The pairs to run next, longest first; empty when nothing waits.

        Padded to the longest of them, they hold at most `budget` tokens, or a single pair.
        """
        lanes = sorted(
            ((owner, lane) for owner, lane in self._lanes.items() if lane.lengths),
            key=lambda entry: entry[1].served,
        )
        if not lanes:
            return []
        leader = lanes[0][1]
        self._clock = leader.served
        longest = leader.lengths[-1]
        shortest = longest - max(self._least_slack, int(longest * self._slack))
        room = max(1, budget // longest)
        batch: list[Pair[Owner]] = []
        for _, lane in lanes:
            taken = lane.take(shortest, longest, room - len(batch))
            lane.served += longest * len(taken)
            self.tokens -= sum(len(pair.ids) for pair in taken)
            batch += taken
            if len(batch) == room:
                break
        return batch


def pad(pairs: Sequence[Pair[Owner]], *, pad_id: int, text_type: int) -> Batch:
    """One array per input, padded to the longest pair; token types are 0, then `text_type`."""
    width = max(len(pair.ids) for pair in pairs)
    shape = (len(pairs), width)
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    types = np.zeros(shape, dtype=np.int64)
    for row, pair in enumerate(pairs):
        length = len(pair.ids)
        ids[row, :length] = pair.ids
        mask[row, :length] = 1
        types[row, pair.boundary : length] = text_type
    return Batch(ids=ids, mask=mask, types=types)
