"""Packed batches, which hold all tokens in one row without padding, and their positions (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pertinence.local.batches.batching import Batch, Pair

__all__ = ["Ids32", "Packed", "pack", "pack_padded", "positions_of"]

Ids32 = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Sequences joined end to end.

    Attributes:
        ids: int32 token ids of shape (tokens,).
        types: int32 token types of shape (tokens,).
        starts: int32 of shape (rows + 1,): start index of each sequence, then the number of tokens.
        prompts: number of first tokens of each sequence that pooling leaves out; empty for pairs.
    """

    ids: Ids32
    types: Ids32
    starts: Ids32
    prompts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def rows(self) -> int:
        """Number of sequences."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ids32:
        """Number of tokens in each sequence."""
        return np.diff(self.starts)

    def halves(self) -> Iterator[Packed]:
        """Yield two batches with about the same number of tokens, or one if there is only one sequence."""
        middle = int(np.searchsorted(self.starts, len(self.ids) / 2, side="left"))
        middle = min(max(middle, 1), self.rows - 1)
        for first, last in ((0, middle), (middle, self.rows)):
            if last > first:
                begin, end = self.starts[first], self.starts[last]
                yield Packed(
                    ids=self.ids[begin:end],
                    types=self.types[begin:end],
                    starts=self.starts[first : last + 1] - begin,
                    prompts=self.prompts[first:last],
                )


def pack(pairs: Sequence[Pair[Any]], *, text_type: int) -> Packed:
    """Join the pairs end to end, in their order. Token types are 0, then `text_type`.

    Args:
        pairs: the sequences.
        text_type: token type of a text's tokens.
    """
    starts = np.zeros(len(pairs) + 1, dtype=np.int32)
    np.cumsum([len(pair.ids) for pair in pairs], out=starts[1:])
    types = np.zeros(int(starts[-1]), dtype=np.int32)
    if text_type:
        for pair, begin, end in zip(pairs, starts, starts[1:], strict=False):
            types[begin + pair.boundary : end] = text_type
    return Packed(
        ids=np.concatenate([pair.ids for pair in pairs]).astype(np.int32, copy=False),
        types=types,
        starts=starts,
    )


def pack_padded(batch: Batch) -> Packed:
    """Convert a padded batch into a packed one, for callers that have only a padded batch."""
    kept = batch.mask.astype(bool)
    starts = np.zeros(len(batch.ids) + 1, dtype=np.int32)
    np.cumsum(kept.sum(axis=1), out=starts[1:])
    return Packed(
        ids=batch.ids[kept].astype(np.int32), types=batch.types[kept].astype(np.int32), starts=starts
    )


def positions_of(batch: Packed, after_pad: int | None = None) -> Ids32:
    """Return the position of each token in its sequence, int32 of shape (tokens,).

    Args:
        batch: the sequences.
        after_pad: padding id of networks that number positions after it (RoBERTa). The first token has the
            next number as its position. A padding token has the padding id as its position and is not
            counted. None for networks that number positions from 0.
    """
    lengths = batch.lengths
    if after_pad is None:
        places: Ids32 = np.arange(len(batch.ids), dtype=np.int32)
        return places - np.repeat(batch.starts[:-1], lengths)
    counts = batch.ids != after_pad
    ranks = np.cumsum(counts, dtype=np.int32)
    before = np.concatenate([np.zeros(1, dtype=np.int32), ranks])[batch.starts[:-1]]
    numbered: Ids32 = np.where(counts, ranks - np.repeat(before, lengths), 0).astype(np.int32)
    return numbered + np.int32(after_pad)
