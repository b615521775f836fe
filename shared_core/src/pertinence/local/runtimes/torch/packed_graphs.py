"""Small packed batches replayed as CUDA graphs: one launch in the place of hundreds.

Off unless the environment's PERTINENCE_CUDA_GRAPHS is 1: the filling is proven on the CPU, the recording of
graphs was not yet measured.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pertinence.errors import MissingExtraError
from pertinence.local.batches.buckets import BUCKETS, Bucket, bucket_for, filled
from pertinence.local.batches.packing import Packed
from pertinence.local.runtimes.torch.devices import on_device
from pertinence.local.runtimes.torch.packed import PackedNetwork

try:
    import torch
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["Replay", "Replaying", "record", "wanted"]

_log = logging.getLogger(__name__)
# CUDA records one graph at a time in a process.
_RECORDING = threading.Lock()

# What a batch laid out as `PackedNetwork.laid_out` does gives, in a shape that was recorded.
Replay = Callable[[np.ndarray[Any, Any]], torch.Tensor]
# A shape that comes once may never come again, and recording takes as long as several runs.
_COMMON = 3


class Replaying:
    """A packed network whose common small shapes are recorded once and replayed; others run as they are.

    So do those whose recording gives other numbers for another batch than the network does. After one that
    failed nothing is recorded any more: torch's allocator may believe for ever that it still goes on.

    Args:
        network: what runs.
        record: records one shape, given a batch of it.
        buckets: the shapes, which bound how many are ever recorded.
    """

    def __init__(
        self,
        network: PackedNetwork,
        record: Callable[[PackedNetwork, Bucket, np.ndarray[Any, Any]], Replay],
        buckets: Sequence[Bucket] = BUCKETS,
    ) -> None:
        self._network = network
        self._record = record
        # What fills a batch up is read like any other sequence: it must have positions too.
        self._buckets = [each for each in buckets if each.longest <= network.positions]
        self._seen: dict[Bucket, int] = {}
        self.recorded: dict[Bucket, Replay | None] = {}

    def run(self, batch: Packed) -> torch.Tensor:
        """What the network gives for the batch."""
        bucket = bucket_for(batch, self._buckets)
        if bucket is None:
            return self._network.run(batch)
        self._seen[bucket] = self._seen.get(bucket, 0) + 1
        if self._seen[bucket] < _COMMON:
            return self._network.run(batch)
        row = self._network.laid_out(filled(batch, bucket, self._network.filler))
        if bucket not in self.recorded:
            self.recorded[bucket] = self._proven(bucket, row)
        replay = self.recorded[bucket]
        return self._network.run(batch) if replay is None else replay(row)[: batch.rows]

    def _proven(self, bucket: Bucket, row: np.ndarray[Any, Any]) -> Replay | None:
        """The recording of a shape; None if it cannot be made, or repeats what it once gave."""
        # The same sequences of other tokens.
        other = row.copy()
        other[: bucket.tokens] = np.roll(row[: bucket.tokens], 1)
        try:
            replay = self._record(self._network, bucket, row)
        except RuntimeError as error:
            _log.warning("batches are not replayed from now on: %s", error)
            self._buckets = [each for each in self._buckets if self.recorded.get(each) is not None]
            return None
        given = replay(other)
        expected = self._network.compute(
            on_device(other, self._network.device), bucket.tokens, bucket.longest
        )
        if bool((given - expected).abs().max() <= self._network.roundings(16, expected)):
            return replay
        _log.warning("batches of %d tokens are not replayed: it gives other numbers", bucket.tokens)
        return None


def wanted() -> bool:
    """Whether graphs were asked for."""
    return os.environ.get("PERTINENCE_CUDA_GRAPHS") == "1" and torch.cuda.is_available()


def record(network: PackedNetwork, bucket: Bucket, row: np.ndarray[Any, Any]) -> Replay:
    """One shape as a CUDA graph, over a buffer and memory of its own."""
    held = on_device(row, network.device)

    def compute() -> torch.Tensor:
        return network.compute(held, bucket.tokens, bucket.longest)

    # The outer context leads back to this stream, also where a recording fails: torch's own then does not.
    stream = torch.cuda.current_stream(network.device)
    with _RECORDING, torch.cuda.stream(stream):
        # What is made on first use, such as workspaces, is made before the recording, on another stream.
        aside = torch.cuda.Stream(network.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(stream)
        with torch.cuda.stream(aside):
            for _ in range(2):
                compute()
        stream.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # torch's own stream for recordings lies on the card that recorded first. Other threads may go on.
        with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
            given = compute()

    def replay(later: np.ndarray[Any, Any]) -> torch.Tensor:
        held.copy_(torch.from_numpy(later).pin_memory(), non_blocking=True)
        graph.replay()
        return given.clone()

    return replay
