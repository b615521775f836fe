"""Which pairs run next: order, fairness, budgets, padding (pure; no threads)."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "Ids", "Owner", "Pair", "Waiting", "pad"]

Owner = TypeVar("Owner", bound=Hashable)
Ids = npt.NDArray[np.int64]

# Room for rows is reckoned in widths of whole steps: a runtime prepares itself for each new shape, which
# takes OpenVINO about a tenth of the batch, so there should be few.
_STEP = 16


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


@dataclass(slots=True, eq=False)
class _Lane(Generic[Owner]):
    """The waiting pairs of one request, by exact length, and how many tokens it has been given."""

    served: int
    tokens: int = 0
    by_length: dict[int, list[Pair[Owner]]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)

    def add(self, pair: Pair[Owner]) -> None:
        length = len(pair.ids)
        if length not in self.by_length:
            self.by_length[length] = []
            insort(self.lengths, length)
        self.by_length[length].append(pair)
        self.tokens += length

    def longest(self, most: int) -> int:
        """The length of its longest pair of up to `most` tokens; 0 if it has none."""
        position = bisect_right(self.lengths, most)
        return self.lengths[position - 1] if position else 0

    def take(self, shortest: int, longest: int, count: int) -> list[Pair[Owner]]:
        """Up to `count` pairs of between `shortest` and `longest` tokens, the longest first."""
        taken: list[Pair[Owner]] = []
        position = bisect_right(self.lengths, longest) - 1
        while position >= 0 and len(taken) < count and self.lengths[position] >= shortest:
            length = self.lengths[position]
            pairs = self.by_length[length]
            keep = max(0, len(pairs) - (count - len(taken)))
            taken += reversed(pairs[keep:])
            self.tokens -= length * (len(pairs) - keep)
            del pairs[keep:]
            if not pairs:
                del self.by_length[length]
                del self.lengths[position]
            position -= 1
        return taken

    def fill(self, room: int) -> list[Pair[Owner]]:
        """Pairs of up to `room` tokens in all, each time the longest that fits."""
        taken: list[Pair[Owner]] = []
        while length := self.longest(room):
            pairs = self.take(length, length, room // length)
            taken += pairs
            room -= length * len(pairs)
        return taken


class Waiting(Generic[Owner]):
    """All pairs that wait for one model, from however many requests.

    The request that has been given the fewest tokens leads the next batch with its longest pair, so
    that a short request is never stuck behind a long one; pairs of nearly that length, its own
    first, then other requests', fill the batch. Others are given no more once they are half a batch ahead
    of the leader: what they add to its batches makes it wait, and less would cost throughput (1% at a
    quarter, 13% at nothing, 32 requests of 20 pairs each). A request that joins, or that had nothing
    waiting for a while, starts level with the least served (start-time fair queueing: Goyal, Vin and
    Cheng, 1996).

    Args:
        slack: how much shorter than the longest pair of a batch its other pairs may be, as a share of it.
        least_slack: the same in tokens, for very short pairs.
        spare: tokens of padding beyond that, in all, to fill a batch that has room left. On two cores
            a batch of OpenVINO costs as much as 40 (float32) to 110 (bfloat16) tokens, whatever it holds.
    """

    def __init__(self, slack: float = 0.0625, least_slack: int = 8, spare: int = 64) -> None:
        self._slack = slack
        self._least_slack = least_slack
        self._spare = spare
        self._lanes: dict[Owner, _Lane[Owner]] = {}
        # A heap of the lanes in which something waits, the least served first; the number is of no
        # meaning but to tell them apart. A lane that was dropped is thrown out when it comes up.
        self._line: list[tuple[int, int, _Lane[Owner]]] = []
        self._number = count()
        self._clock = 0
        self.tokens = 0

    def __bool__(self) -> bool:
        return self.tokens > 0

    def tokens_of(self, owner: Owner) -> int:
        """How many tokens of `owner` wait."""
        lane = self._lanes.get(owner)
        return 0 if lane is None else lane.tokens

    def add(self, owner: Owner, pairs: Sequence[Pair[Owner]]) -> None:
        """Let `pairs` of `owner` wait."""
        if not pairs:
            return
        lane = self._lanes.get(owner)
        if lane is None:
            lane = self._lanes[owner] = _Lane(served=self._clock)
        before = lane.tokens
        for pair in pairs:
            lane.add(pair)
        self.tokens += lane.tokens - before
        if not before:
            lane.served = max(lane.served, self._clock)
            self._queue(lane)

    def drop(self, owner: Owner) -> None:
        """Forget what waits for `owner`: it was answered, withdrawn or refused."""
        lane = self._lanes.pop(owner, None)
        if lane is not None:
            self.tokens -= lane.tokens
            lane.by_length, lane.lengths, lane.tokens = {}, [], 0

    def next_batch(self, budget: int, *, packed: bool = False) -> list[Pair[Owner]]:
        """The pairs to run next; empty when nothing waits.

        They hold at most `budget` tokens, or are a single pair.

        Args:
            budget: tokens of a batch.
            packed: there will be no padding, so that pairs of any length may share a batch; else they are
                padded to the longest of them, which comes first, and padding counts.
        """
        lane = self._pop()
        if lane is None:
            return []
        if packed:
            return self._any_lengths(lane, budget)
        self._clock = lane.served
        far_ahead = self._clock + budget // 2
        longest = lane.lengths[-1]
        shortest = longest - max(self._least_slack, int(longest * self._slack))
        room = max(1, budget // (-(-longest // _STEP) * _STEP))
        batch: list[Pair[Owner]] = []
        asked: list[_Lane[Owner]] = []
        while lane is not None:
            asked.append(lane)
            if lane.served > far_ahead:
                break
            batch += self._give(lane, shortest, longest, room - len(batch))
            lane = self._pop() if len(batch) < room else None
        spare = self._spare
        for lane in asked:
            while len(batch) < room and lane.served <= far_ahead:
                length = lane.longest(longest)
                if not length or longest - length > spare:
                    break
                spare -= longest - length
                batch += self._give(lane, length, longest, 1)
        for lane in asked:
            if lane.tokens:
                self._queue(lane)
        return batch

    def _any_lengths(self, lane: _Lane[Owner] | None, budget: int) -> list[Pair[Owner]]:
        """As much as fits: of the leading lane, then of those that are not half a batch ahead of it."""
        assert lane is not None
        self._clock = lane.served
        batch: list[Pair[Owner]] = []
        asked: list[_Lane[Owner]] = []
        room = budget
        while lane is not None:
            asked.append(lane)
            if lane.served > self._clock + budget // 2:
                break
            before = lane.tokens
            taken = lane.fill(room) if lane.lengths[0] <= room or batch else lane.take(1, lane.lengths[-1], 1)
            given = before - lane.tokens
            batch += taken
            lane.served += given
            self.tokens -= given
            room -= given
            lane = self._pop() if room > 0 else None
        for lane in asked:
            if lane.tokens:
                self._queue(lane)
        return batch

    def _give(self, lane: _Lane[Owner], shortest: int, longest: int, count: int) -> list[Pair[Owner]]:
        """Take pairs for a batch, charged as wide as it will be."""
        before = lane.tokens
        taken = lane.take(shortest, longest, count)
        lane.served += longest * len(taken)
        self.tokens -= before - lane.tokens
        return taken

    def _pop(self) -> _Lane[Owner] | None:
        """The least served of those in line; None if there is none."""
        while self._line:
            lane = heappop(self._line)[2]
            if lane.tokens:
                return lane
        return None

    def _queue(self, lane: _Lane[Owner]) -> None:
        heappush(self._line, (lane.served, next(self._number), lane))


def pad(
    pairs: Sequence[Pair[Owner]], *, pad_id: int, text_type: int, multiple: int = 1, most: int | None = None
) -> Batch:
    """One array per input, padded to the longest pair; token types are 0, then `text_type`.

    Args:
        pairs: the rows.
        pad_id: token id of padding.
        text_type: token type of a text's tokens.
        multiple: the width is rounded up to a multiple of this,
        most: but not beyond this.
    """
    longest = max(len(pair.ids) for pair in pairs)
    width = -(-longest // multiple) * multiple
    width = width if most is None else max(longest, min(width, most))
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
