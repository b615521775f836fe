"""The outputs of exported networks: which of them is read, and what rows are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pertinence.local.batches.batching import Batch
from pertinence.scorer import Float32

__all__ = ["Logits", "Reader"]


class Reader(Protocol):
    """What makes rows of a network's output."""

    def pick(self, outputs: Mapping[str, int]) -> int:
        """The place of the output to read, of those with these names and numbers of axes.

        Raises:
            ModelError: none of them will do.
        """

    def rows(self, values: Float32, batch: Batch) -> Float32:
        """One row of floats for each row of the batch."""


class Logits:
    """The first output as it is: one row of logits each."""

    def pick(self, outputs: Mapping[str, int]) -> int:
        """The first."""
        return 0

    def rows(self, values: Float32, batch: Batch) -> Float32:
        """Shape (rows, labels)."""
        return values.reshape(len(batch.ids), -1)
