"""Batch of texts for an embedding model, with the number of tokens that pooling leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from pertinence.local.batches.batching import Batch, Ids

__all__ = ["TextBatch"]


@dataclass(frozen=True, kw_only=True)
class TextBatch(Batch):
    """Batch with `prompts`, of shape (rows, 1): number of first tokens of a row that pooling leaves out."""

    prompts: Ids
