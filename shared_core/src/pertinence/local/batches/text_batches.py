"""A batch of texts: what any model reads, and how many tokens pooling is to leave out."""

from __future__ import annotations

from dataclasses import dataclass

from pertinence.local.batches.batching import Batch, Ids

__all__ = ["TextBatch"]


@dataclass(frozen=True, kw_only=True)
class TextBatch(Batch):
    """`Batch`, and `prompts`, of shape (rows, 1): how many first tokens of a row pooling leaves out."""

    prompts: Ids
