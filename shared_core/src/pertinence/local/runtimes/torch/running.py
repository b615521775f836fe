"""Torch network on its device, run batch by batch: the shared base of rerankers and embedding models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.batches.batching import Batch
from pertinence.local.batches.packing import Packed
from pertinence.local.machine.cores import cores
from pertinence.local.machine.precisions import Dtype
from pertinence.local.runtimes.running import Collect, Shrinking
from pertinence.local.runtimes.torch.devices import (
    attention_ways,
    batch_tokens_on,
    current,
    describe,
    fetched,
    is_full,
    is_lost,
    relieve,
)
from pertinence.local.runtimes.torch.packed import PackedNetwork, make_packed
from pertinence.local.runtimes.torch.packed_attention import NO_INFERENCE_MODE
from pertinence.local.selection.reranker_spec import ModelSpec
from pertinence.scorer import Float32

try:
    import torch
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["OnDevice", "packed_if_safe"]

T = TypeVar("T")


def packed_if_safe(network: Any, spec: ModelSpec, *, first_token_read: bool = True) -> PackedNetwork | None:
    """Make the network read packed batches from now on, if that is safe.

    Returns None, and leaves the network unchanged, in three cases: no kernel supports packed batches, the
    architecture is not known to allow them, or the user chose an attention implementation.
    """
    if "attn_implementation" in (spec.options.model_kwargs or {}):
        return None
    ways = attention_ways(network.device, network.dtype)
    with current(network.device):
        return make_packed(network, ways, first_token_read=first_token_read)


class OnDevice(ABC):
    """Base class that runs batches on a device.

    On devices other than the CPU, two batches may be in flight. A batch is split if memory runs out.

    Args:
        device: device of the network.
        dtype: precision that it computes in.
        packed: the network if it reads packed batches; None if it reads padded ones.
    """

    width_multiple = 1

    def __init__(self, device: torch.device, dtype: torch.dtype, packed: PackedNetwork | None) -> None:
        self._device = device
        self._tracked = packed is not None and packed.way in NO_INFERENCE_MODE
        self._shrinking = Shrinking(
            self._launch, is_full=is_full, relieve=relieve, describe=partial(describe, device)
        )
        self.accepts_packed = packed is not None
        self.max_in_flight = 1 if device.type == "cpu" else 2
        self.lost = False
        self.batch_tokens = batch_tokens_on(device, dtype)
        self.computes = cast(Dtype, str(dtype).removeprefix("torch."))
        if device.type == "cpu":
            _keep_within_quota()

    @property
    def fitting(self) -> int | None:
        """Maximum number of tokens per batch since memory ran out; None if it never did."""
        return self._shrinking.fitting

    def start(self, batch: Batch | Packed) -> Collect:
        """Send a batch to the device and return a function that waits for its rows.

        Raises:
            ModelError: the device failed, and the data in its memory is lost.
        """
        collect = self._told(partial(self._shrinking.start, batch))
        return lambda: self._told(collect)

    def run(self, batch: Batch | Packed) -> Float32:
        """Return one row of floats per sequence, float32 of shape (rows, labels or dims)."""
        rows = self.start(batch)()
        refused = next((row for row in rows if isinstance(row, ModelError)), None)
        if refused is not None:
            raise refused
        return np.asarray(rows)

    @abstractmethod
    def close(self) -> None:
        """Free the model's memory."""

    @abstractmethod
    def _outputs(self, batch: Batch | Packed) -> torch.Tensor:
        """Return the part of the network's output that is read, of shape (rows, labels or dims)."""

    def _launch(self, batch: Batch | Packed) -> Collect:
        with self._modes():
            return fetched(self._outputs(batch))

    def _modes(self) -> AbstractContextManager[object]:
        modes = ExitStack()
        modes.enter_context(torch.no_grad() if self._tracked else torch.inference_mode())
        modes.enter_context(current(self._device))
        return modes

    def _told(self, work: Callable[[], T]) -> T:
        """Return the result of `work`; convert a device failure to a `ModelError` and set `lost`."""
        try:
            return work()
        except Exception as error:
            if not is_lost(error):
                raise
            self.lost = True
            raise ModelError(f"{self._device} failed: {error}") from error


def _keep_within_quota() -> None:
    """Limit torch to the number of threads that a container's limit lets run at once.

    torch counts the processors and ignores such a limit. Its number of threads applies to the whole
    process, so it is changed only if a limit requires it, and never raised.
    """
    here = cores()
    if here.quota is not None and here.threads < torch.get_num_threads():
        torch.set_num_threads(here.threads)
