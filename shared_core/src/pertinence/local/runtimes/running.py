"""Batches on their way through a backend: started, perhaps several ahead, and collected later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from pertinence.errors import ModelError
from pertinence.local.batches.batching import Batch
from pertinence.local.batches.packing import Packed
from pertinence.local.machine.precisions import Dtype
from pertinence.scorer import Float32

if TYPE_CHECKING:
    from pertinence.local.runtimes.backend import Backend

__all__ = [
    "Collect",
    "OnHost",
    "Rows",
    "Running",
    "Shrinking",
    "all_finite",
    "as_running",
    "halves",
    "last_line",
    "size",
]

# One row of floats each; where some could not be computed, a list in which errors take their places.
Rows = Float32 | Sequence[Float32 | ModelError]
# Waits for a batch and gives its rows.
Collect = Callable[[], Rows]


@runtime_checkable
class Running(Protocol):
    """A loaded model that is fed batch by batch. Only one thread uses it."""

    ahead: int
    """How many batches may be started before the first is collected."""
    packs: bool
    """It reads `Packed` batches; else padded ones."""
    lost: bool
    """It cannot run any more, and must be opened again."""
    batch_tokens: int
    """Tokens that one batch should hold on this device."""
    width_multiple: int
    """Padded batches have a multiple of so many tokens."""
    computes: Dtype
    """The precision that its products of weights are computed in, as far as the runtime tells."""

    @property
    def fitting(self) -> int | None:
        """The most tokens that one batch may hold since memory ran out; None if it never did."""

    def start(self, batch: Batch | Packed) -> Collect:
        """Hand a batch to the device."""

    def close(self) -> None:
        """Give the model's memory back."""


class OnHost:
    """A backend that computes where it is called, when its rows are collected."""

    ahead, packs, lost, fitting = 1, False, False, None

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.batch_tokens = backend.batch_tokens
        self.width_multiple = backend.width_multiple
        self.computes = backend.computes

    def start(self, batch: Batch | Packed) -> Collect:
        """Nothing yet."""
        assert isinstance(batch, Batch)
        return partial(self._backend.run, batch)

    def close(self) -> None:
        """Give the model's memory back."""
        self._backend.close()


class Shrinking:
    """Hands batches to a device, and smaller ones from the first time that its memory runs out.

    A batch that does not fit is split until its parts do, so nobody's rows are lost; a single sequence
    that does not fit fails alone.

    Args:
        launch: hands one batch to the device.
        is_full: whether an error says that memory ran out.
        relieve: gives unused memory back to the device.
        describe: the device and its memory, for the error.
    """

    def __init__(
        self,
        launch: Callable[[Batch | Packed], Collect],
        *,
        is_full: Callable[[BaseException], bool],
        relieve: Callable[[], None],
        describe: Callable[[], str],
    ) -> None:
        self._launch = launch
        self._is_full = is_full
        self._relieve = relieve
        self._describe = describe
        self.fitting: int | None = None

    def start(self, batch: Batch | Packed) -> Collect:
        """Hand a batch, or parts of it, to the device.

        Raises:
            Exception: whatever the device raises, but for a lack of memory.
        """
        try:
            return self._launch(batch)
        except Exception as error:
            if not self._is_full(error):
                raise
        # Outside the handler: a traceback that is being handled keeps the tensors of the failed run.
        self._relieve()
        rows, tokens = size(batch)
        # Half of what did not fit, which may be less than what was allowed.
        self.fitting = max(1, min(self.fitting or tokens, tokens // 2))
        if rows == 1:
            refused = ModelError(f"one text of {tokens:,} tokens does not fit into {self._describe()}")
            return lambda: [refused]
        parts = [self.start(part) for part in halves(batch)]
        return lambda: _joined([part() for part in parts])


def as_running(backend: Backend | Running) -> Running:
    """The backend, ready to be fed."""
    return backend if isinstance(backend, Running) else OnHost(backend)


def all_finite(rows: Rows) -> bool:
    """Whether there is no NaN or infinity in what was computed."""
    if isinstance(rows, np.ndarray):
        return bool(np.isfinite(rows).all())
    return all(isinstance(row, ModelError) or np.isfinite(row).all() for row in rows)


def size(batch: Batch | Packed) -> tuple[int, int]:
    """Rows and tokens, padding included."""
    return (batch.rows, len(batch.ids)) if isinstance(batch, Packed) else (len(batch.ids), batch.ids.size)


def halves(batch: Batch | Packed) -> Iterator[Batch | Packed]:
    """Two batches of about as many tokens each, in the order of their rows; of a single row, itself."""
    if isinstance(batch, Packed):
        yield from batch.halves()
        return
    rows = len(batch.ids)
    for chosen in (slice(0, rows // 2), slice(rows // 2, rows)):
        if chosen.stop > chosen.start:
            width = int(batch.mask[chosen].sum(axis=1).max())
            arrays: dict[str, Any] = {
                each.name: getattr(batch, each.name)[chosen, :width] for each in fields(batch)
            }
            yield replace(batch, **arrays)


def _joined(parts: Sequence[Rows]) -> Rows:
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate([np.asarray(part) for part in parts])
    return [row for part in parts for row in part]


def last_line(error: BaseException) -> str:
    """What a runtime's error comes down to: before it stand the places that it came through."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
