"""Outputs of exported networks: the output that is read, and the rows made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pertinence.local.batches.batching import Batch
from pertinence.scorer import Float32

__all__ = ["Logits", "Reader"]


class Reader(Protocol):
    """Protocol of an object that turns a network's output into rows."""

    def pick(self, outputs: Mapping[str, int]) -> int:
        """Return the index of the output to read, given the names and numbers of axes of all outputs.

        Raises:
            ModelError: no output is suitable.
        """

    def rows(self, values: Float32, batch: Batch) -> Float32:
        """Return one row of floats for each row of the batch."""


class Logits:
    """Reader that returns the first output unchanged: one row of logits per pair."""

    def pick(self, outputs: Mapping[str, int]) -> int:
        """Return 0, the index of the first output."""
        return 0

    def rows(self, values: Float32, batch: Batch) -> Float32:
        """Return logits of shape (rows, labels)."""
        return values.reshape(len(batch.ids), -1)
