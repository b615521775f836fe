"""Small packed batches replayed as CUDA graphs: one launch in the place of hundreds.

Off unless the environment's PERTINENCE_CUDA_GRAPHS is 1: the filling is proven on the CPU, the recording of
graphs was not yet measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pertinence.errors import MissingExtraError
from pertinence.local.backends.packed import PackedNetwork
from pertinence.local.backends.torch_devices import on_device
from pertinence.local.buckets import BUCKETS, Bucket, bucket_for, filled
from pertinence.local.packing import Packed

try:
    import torch
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["Replay", "Replaying", "record", "wanted"]

# What a batch laid out as `PackedNetwork.laid_out` does gives, in a shape that was recorded.
Replay = Callable[[np.ndarray[Any, Any]], torch.Tensor]
# A shape that comes once may never come again, and recording takes as long as several runs.
_COMMON = 3


class Replaying:
    """A packed network whose common small shapes are recorded once and replayed; others run as they are.

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
        self._buckets = buckets
        self._seen: dict[Bucket, int] = {}
        self.recorded: dict[Bucket, Replay] = {}

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
            self.recorded[bucket] = self._record(self._network, bucket, row)
        return self.recorded[bucket](row)[: batch.rows]


def wanted() -> bool:
    """Whether graphs were asked for."""
    return os.environ.get("PERTINENCE_CUDA_GRAPHS") == "1" and torch.cuda.is_available()


def record(network: PackedNetwork, bucket: Bucket, row: np.ndarray[Any, Any]) -> Replay:
    """One shape, as a CUDA graph over a buffer of its own."""
    held = on_device(row, network.device)

    def compute() -> torch.Tensor:
        return network.compute(held, bucket.tokens, bucket.longest)

    # What is made on first use, such as workspaces, is made before the recording and on another stream.
    aside = torch.cuda.Stream(network.device)  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream(network.device))
    with torch.cuda.stream(aside):
        for _ in range(2):
            compute()
    torch.cuda.current_stream(network.device).wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        given = compute()

    def replay(later: np.ndarray[Any, Any]) -> torch.Tensor:
        held.copy_(torch.from_numpy(later).pin_memory(), non_blocking=True)
        graph.replay()
        return given.clone()

    return replay
