"""Replay of small packed batches as CUDA graphs: one launch instead of hundreds.

It is off unless the environment variable PERTINENCE_CUDA_GRAPHS is 1. Filling batches up is proven on the
CPU; recording graphs has not been measured yet.
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
# CUDA records one graph at a time per process.
_RECORDING = threading.Lock()

# Function that takes a batch in the form of `PackedNetwork.laid_out`, in a recorded shape, and returns the
# network's output.
Replay = Callable[[np.ndarray[Any, Any]], torch.Tensor]
# Record a shape only from its third batch on. A shape that occurs once may never occur again, and recording
# takes as long as several runs.
_COMMON = 3


class Replaying:
    """Packed network that records its common small shapes once and replays them.

    Other shapes run without a recording. So do shapes whose recording gives other numbers than the network
    for another batch. After a failed recording nothing more is recorded, because torch's allocator may
    behave forever as if that recording were still in progress.

    Args:
        network: the network to run.
        record: function that records one shape, given a batch of it.
        buckets: the shapes that may be recorded; they limit the number of recordings.
    """

    def __init__(
        self,
        network: PackedNetwork,
        record: Callable[[PackedNetwork, Bucket, np.ndarray[Any, Any]], Replay],
        buckets: Sequence[Bucket] = BUCKETS,
    ) -> None:
        self._network = network
        self._record = record
        # Filler sequences are read like any other sequence, so the network must have positions for them
        # too.
        self._buckets = [each for each in buckets if each.longest <= network.positions]
        self._seen: dict[Bucket, int] = {}
        self.recorded: dict[Bucket, Replay | None] = {}

    def run(self, batch: Packed) -> torch.Tensor:
        """Return the network's output for the batch."""
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
        """Record a shape; return None if that fails or if the replay gives other numbers than the network."""
        # The same sequence lengths with other tokens.
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
    """Check whether CUDA graphs are requested and CUDA is available."""
    return os.environ.get("PERTINENCE_CUDA_GRAPHS") == "1" and torch.cuda.is_available()


def record(network: PackedNetwork, bucket: Bucket, row: np.ndarray[Any, Any]) -> Replay:
    """Record one shape as a CUDA graph, with its own input buffer and memory."""
    held = on_device(row, network.device)

    def compute() -> torch.Tensor:
        return network.compute(held, bucket.tokens, bucket.longest)

    # The outer context restores this stream even if a recording fails; torch's own context does not.
    stream = torch.cuda.current_stream(network.device)
    with _RECORDING, torch.cuda.stream(stream):
        # Run before the recording, on another stream, so that objects created on first use, such as
        # workspaces, exist.
        aside = torch.cuda.Stream(network.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(stream)
        with torch.cuda.stream(aside):
            for _ in range(2):
                compute()
        stream.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # torch's own stream for recordings is on the GPU that recorded first, so pass one. Other threads
        # may continue meanwhile.
        with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
            given = compute()

    def replay(later: np.ndarray[Any, Any]) -> torch.Tensor:
        held.copy_(torch.from_numpy(later).pin_memory(), non_blocking=True)
        graph.replay()
        return given.clone()

    return replay
