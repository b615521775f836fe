"""A network of torch on its device, fed batch by batch: what rerankers and embedding models share."""

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
    """The network as it reads packed batches from now on; None, and nothing changed, if it reads padded ones.

    That is so where no kernel reads packed ones, where the architecture is not known to allow it, and
    where the user chose an attention.
    """
    if "attn_implementation" in (spec.options.model_kwargs or {}):
        return None
    ways = attention_ways(network.device, network.dtype)
    with current(network.device):
        return make_packed(network, ways, first_token_read=first_token_read)


class OnDevice(ABC):
    """Starts batches on a device, several ahead unless it is the CPU, in parts where memory runs out.

    Args:
        device: where the network is.
        dtype: what it computes in.
        packed: the network as it reads packed batches; None if it reads padded ones.
    """

    width_multiple = 1

    def __init__(self, device: torch.device, dtype: torch.dtype, packed: PackedNetwork | None) -> None:
        self._device = device
        self._tracked = packed is not None and packed.way in NO_INFERENCE_MODE
        self._shrinking = Shrinking(
            self._launch, is_full=is_full, relieve=relieve, describe=partial(describe, device)
        )
        self.packs = packed is not None
        self.ahead = 1 if device.type == "cpu" else 2
        self.lost = False
        self.batch_tokens = batch_tokens_on(device, dtype)
        self.computes = cast(Dtype, str(dtype).removeprefix("torch."))
        if device.type == "cpu":
            _keep_within_quota()

    @property
    def fitting(self) -> int | None:
        """The most tokens that one batch may hold since memory ran out; None if it never did."""
        return self._shrinking.fitting

    def start(self, batch: Batch | Packed) -> Collect:
        """Hand a batch to the device.

        Raises:
            ModelError: the device failed, and with it what lies there.
        """
        collect = self._told(partial(self._shrinking.start, batch))
        return lambda: self._told(collect)

    def run(self, batch: Batch | Packed) -> Float32:
        """Rows of floats, float32 of shape (rows, labels or dims)."""
        rows = self.start(batch)()
        refused = next((row for row in rows if isinstance(row, ModelError)), None)
        if refused is not None:
            raise refused
        return np.asarray(rows)

    @abstractmethod
    def close(self) -> None:
        """Give the model's memory back."""

    @abstractmethod
    def _outputs(self, batch: Batch | Packed) -> torch.Tensor:
        """What is read of the network's output, of shape (rows, labels or dims)."""

    def _launch(self, batch: Batch | Packed) -> Collect:
        with self._modes():
            return fetched(self._outputs(batch))

    def _modes(self) -> AbstractContextManager[object]:
        modes = ExitStack()
        modes.enter_context(torch.no_grad() if self._tracked else torch.inference_mode())
        modes.enter_context(current(self._device))
        return modes

    def _told(self, work: Callable[[], T]) -> T:
        """What `work` gives; an error of the device is told as one, and remembered."""
        try:
            return work()
        except Exception as error:
            if not is_lost(error):
                raise
            self.lost = True
            raise ModelError(f"{self._device} failed: {error}") from error


def _keep_within_quota() -> None:
    """Give torch no more threads than a container's limit lets run at once.

    torch counts the processors and knows no such limit. Its number of threads is one for the whole process,
    so it is left alone where no limit demands another, and never raised.
    """
    here = cores()
    if here.quota is not None and here.threads < torch.get_num_threads():
        torch.set_num_threads(here.threads)
