"""Batches in flight on a backend: several may be started before the first is collected."""

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

# One row of floats per sequence; if some could not be computed, a list with errors in their positions.
Rows = Float32 | Sequence[Float32 | ModelError]
# Function that waits for a batch and returns its rows.
Collect = Callable[[], Rows]


@runtime_checkable
class Running(Protocol):
    """Protocol of a loaded model that receives one batch after another. Only one thread uses it."""

    max_in_flight: int
    """Number of batches that may be started before the first is collected."""
    accepts_packed: bool
    """True if it reads `Packed` batches, False if it reads padded ones."""
    lost: bool
    """True if it cannot run any more and must be opened again."""
    batch_tokens: int
    """Number of tokens that one batch should hold on this device."""
    width_multiple: int
    """Number that the width of a padded batch, in tokens, is a multiple of."""
    computes: Dtype
    """Precision of the products of weights, as far as the runtime reports it."""

    @property
    def fitting(self) -> int | None:
        """Maximum number of tokens per batch since memory ran out; None if it never did."""

    def start(self, batch: Batch | Packed) -> Collect:
        """Send a batch to the device and return a function that waits for its rows."""

    def close(self) -> None:
        """Free the model's memory."""


class OnHost:
    """Adapter for a backend that computes in the calling thread, when the rows are collected."""

    max_in_flight, accepts_packed, lost, fitting = 1, False, False, None

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.batch_tokens = backend.batch_tokens
        self.width_multiple = backend.width_multiple
        self.computes = backend.computes

    def start(self, batch: Batch | Packed) -> Collect:
        """Return a function that runs the batch; nothing is computed before it is called."""
        assert isinstance(batch, Batch)
        return partial(self._backend.run, batch)

    def close(self) -> None:
        """Free the model's memory."""
        self._backend.close()


class Shrinking:
    """Launcher of batches on a device that uses smaller batches once the device's memory has run out.

    A batch that does not fit is split until its parts fit, so no rows are lost. A single sequence that does
    not fit fails alone.

    Args:
        launch: function that sends one batch to the device.
        is_full: function that checks whether an error says that memory ran out.
        relieve: function that returns unused memory to the device.
        describe: function that describes the device and its memory, for the error.
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
        """Send a batch to the device, split into parts if memory runs out.

        Raises:
            Exception: any error of the device except a lack of memory.
        """
        try:
            return self._launch(batch)
        except Exception as error:
            if not self._is_full(error):
                raise
        # Do this outside the handler: a traceback that is being handled keeps the tensors of the failed
        # run.
        self._relieve()
        rows, tokens = size(batch)
        # Half of the batch that did not fit, which may be below the previous limit.
        self.fitting = max(1, min(self.fitting or tokens, tokens // 2))
        if rows == 1:
            refused = ModelError(f"one text of {tokens:,} tokens does not fit into {self._describe()}")
            return lambda: [refused]
        parts = [self.start(part) for part in halves(batch)]
        return lambda: _joined([part() for part in parts])


def as_running(backend: Backend | Running) -> Running:
    """Return the backend as a `Running`, wrapped in `OnHost` if it is not one already."""
    return backend if isinstance(backend, Running) else OnHost(backend)


def all_finite(rows: Rows) -> bool:
    """Check that the computed rows hold no NaN or infinity."""
    if isinstance(rows, np.ndarray):
        return bool(np.isfinite(rows).all())
    return all(isinstance(row, ModelError) or np.isfinite(row).all() for row in rows)


def size(batch: Batch | Packed) -> tuple[int, int]:
    """Return the numbers of rows and of tokens, including padding."""
    return (batch.rows, len(batch.ids)) if isinstance(batch, Packed) else (len(batch.ids), batch.ids.size)


def halves(batch: Batch | Packed) -> Iterator[Batch | Packed]:
    """Split a batch in two, in the order of its rows; a single row is yielded unchanged.

    The halves of a packed batch hold about as many tokens each; those of a padded batch hold about as many
    rows.
    """
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
    """Return the last line of a runtime's error, which states the cause.

    The lines before it name the code locations that the error passed through.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
