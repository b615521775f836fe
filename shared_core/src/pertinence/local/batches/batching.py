"""Choice of the pairs that run next: order, fairness, token budgets, padding (pure; no threads)."""

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

# The number of rows is computed from a width rounded up to this step, so that there are few shapes. A runtime
# prepares itself for each new shape, which takes OpenVINO about a tenth of the batch's time.
_STEP = 16


@dataclass(frozen=True, slots=True, eq=False)
class Pair(Generic[Owner]):
    """One query with one text, as token ids for the model.

    Attributes:
        owner: request that it belongs to.
        index: index of its text among the request's distinct texts.
        ids: int32 token ids of the pair, including special tokens.
        boundary: index in `ids` where the text's tokens (and their token type) begin.
    """

    owner: Owner
    index: int
    ids: npt.NDArray[np.int32]
    boundary: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Input of a backend: int64 arrays of shape (rows, tokens), padded on the right."""

    ids: Ids
    mask: Ids
    types: Ids


@dataclass(slots=True, eq=False)
class _Lane(Generic[Owner]):
    """Waiting pairs of one request, by exact length, and the number of tokens it was given in batches."""

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
        """Return the length of the longest pair of at most `most` tokens; 0 if there is none."""
        position = bisect_right(self.lengths, most)
        return self.lengths[position - 1] if position else 0

    def take(self, shortest: int, longest: int, count: int) -> list[Pair[Owner]]:
        """Remove and return up to `count` pairs of `shortest` to `longest` tokens, the longest first."""
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
        """Remove and return pairs of up to `room` tokens in total, each time the longest that fits."""
        taken: list[Pair[Owner]] = []
        while length := self.longest(room):
            pairs = self.take(length, length, room // length)
            taken += pairs
            room -= length * len(pairs)
        return taken


class Waiting(Generic[Owner]):
    """Queue of all pairs that wait for one model, from any number of requests.

    The request that has been given the fewest tokens leads the next batch with its longest pair, so a short
    request never waits behind a long one. Pairs of nearly that length fill the batch: first those of the same
    request, then those of other requests. A request that is more than half a batch ahead of the leader is
    given no more, because its pairs in a batch make the leader wait. A smaller lead would cost throughput (1%
    at a quarter of a batch, 13% at zero, for 32 requests of 20 pairs each). A request that joins, or that had
    nothing waiting for a while, starts level with the least served request (start-time fair queueing: Goyal,
    Vin and Cheng, 1996).

    Args:
        slack: largest difference in length from the longest pair of a batch, as a fraction of its length.
        least_slack: the same in tokens, for very short pairs.
        spare: total number of padding tokens allowed beyond that, to fill a batch that still has free rows.
            On two cores, the fixed cost of a batch in OpenVINO equals 40 (float32) to 110 (bfloat16) tokens.
    """

    def __init__(self, slack: float = 0.0625, least_slack: int = 8, spare: int = 64) -> None:
        self._slack = slack
        self._least_slack = least_slack
        self._spare = spare
        self._lanes: dict[Owner, _Lane[Owner]] = {}
        # A heap of the lanes with waiting pairs, the least served first. The number only breaks ties. A lane
        # that was dropped is discarded when it is popped.
        self._line: list[tuple[int, int, _Lane[Owner]]] = []
        self._number = count()
        self._clock = 0
        self.tokens = 0

    def __bool__(self) -> bool:
        return self.tokens > 0

    def tokens_of(self, owner: Owner) -> int:
        """Return the number of waiting tokens of `owner`."""
        lane = self._lanes.get(owner)
        return 0 if lane is None else lane.tokens

    def add(self, owner: Owner, pairs: Sequence[Pair[Owner]]) -> None:
        """Add `pairs` of `owner` to the queue."""
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
        """Remove all waiting pairs of `owner`, which was answered, withdrawn or refused."""
        lane = self._lanes.pop(owner, None)
        if lane is not None:
            self.tokens -= lane.tokens
            lane.by_length, lane.lengths, lane.tokens = {}, [], 0

    def next_batch(self, budget: int, *, packed: bool = False) -> list[Pair[Owner]]:
        """Remove and return the pairs to run next; return an empty list if none is waiting.

        They hold at most `budget` tokens, or are a single pair.

        Args:
            budget: largest number of tokens in a batch.
            packed: True if there is no padding, so that pairs of any length can share a batch. Otherwise
                they are padded to the longest pair, which comes first, and padding counts.
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
        """Take as much as fits, from the leading lane, then from lanes at most half a batch ahead of it."""
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
        """Take pairs of a lane for a batch, and charge the lane the full width of the batch for each."""
        before = lane.tokens
        taken = lane.take(shortest, longest, count)
        lane.served += longest * len(taken)
        self.tokens -= before - lane.tokens
        return taken

    def _pop(self) -> _Lane[Owner] | None:
        """Remove and return the least served lane of the heap; None if there is none."""
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
    """Return one array per input, padded to the longest pair. Token types are 0, then `text_type`.

    Args:
        pairs: the rows.
        pad_id: token id of padding.
        text_type: token type of a text's tokens.
        multiple: number to a multiple of which the width is rounded up.
        most: upper limit for the rounded width; None is no limit.
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
