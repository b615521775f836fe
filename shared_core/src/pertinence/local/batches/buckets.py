"""Fixed sizes that small packed batches are filled up to, so that a device sees few shapes (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pertinence.local.batches.packing import Packed

__all__ = ["BUCKETS", "Bucket", "bucket_for", "filled"]


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Shape of a packed batch.

    Attributes:
        tokens: number of tokens in all sequences.
        rows: number of sequences.
        longest: largest number of tokens in one sequence.
    """

    tokens: int
    rows: int
    longest: int = 512

    def holds(self, batch: Packed) -> bool:
        """Check whether the batch can be filled up to this shape with sequences of at least one token."""
        rows, tokens = self.rows - batch.rows, self.tokens - len(batch.ids)
        return 0 <= rows <= tokens <= rows * self.longest and int(batch.lengths.max()) <= self.longest


# Sizes for one query with 20 to 120 passages. Each step adds at most half, so at most a third is wasted.
BUCKETS = (
    *(Bucket(tokens=tokens, rows=32) for tokens in (1024, 1536, 2048, 3072, 4096)),
    *(Bucket(tokens=tokens, rows=128) for tokens in (6144, 8192, 12_288, 16_384, 24_576)),
)


def bucket_for(batch: Packed, buckets: Sequence[Bucket] = BUCKETS) -> Bucket | None:
    """Return the smallest shape that the batch can be filled up to; None if there is none."""
    return min(
        (bucket for bucket in buckets if bucket.holds(batch)),
        key=lambda bucket: (bucket.tokens, bucket.rows),
        default=None,
    )


def filled(batch: Packed, bucket: Bucket, filler: int) -> Packed:
    """Return the batch with filler sequences after its own, in exactly the shape of the bucket.

    Args:
        batch: a batch that fits into `bucket`.
        bucket: the shape.
        filler: id of the token that the filler sequences consist of.
    """
    rows, tokens = bucket.rows - batch.rows, bucket.tokens - len(batch.ids)
    if not rows:
        return batch
    lengths = np.full(rows, tokens // rows, dtype=np.int32)
    lengths[: tokens % rows] += 1
    return Packed(
        ids=np.concatenate([batch.ids, np.full(tokens, filler, dtype=np.int32)]),
        types=np.concatenate([batch.types, np.zeros(tokens, dtype=np.int32)]),
        starts=np.concatenate([batch.starts, batch.starts[-1] + np.cumsum(lengths, dtype=np.int32)]),
    )
