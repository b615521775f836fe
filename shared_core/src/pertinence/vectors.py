"""`Vectoriser`, the protocol behind `Embedder`: takes texts and their role, returns a future of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from pertinence.errors import OptionError
from pertinence.scorer import Float32, notes_on

__all__ = ["Embeddings", "Form", "PrecisionName", "Role", "Vectoriser", "Vectors", "number_of", "unit"]

Role = Literal["query", "document"]
PrecisionName = Literal["float32", "int8", "uint8", "binary", "ubinary"]
Vectors = npt.NDArray[np.float32 | np.int8 | np.uint8]

# A vector shorter than this counts as zero, as in torch's `normalize`.
_LEAST_LENGTH = np.float32(1e-12)


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """Vectors, one per text, in input order, with counts of texts that were truncated, empty or repaired.

    Attributes:
        values: array of shape (texts, dims); float32, unless another precision was requested.
        truncated: number of texts truncated to fit the model; None if a server does not report it.
        empty: number of texts that are empty or only whitespace; they are embedded like any other.
        repaired: number of texts with a lone surrogate, replaced by U+FFFD.
        usage: counts that a server reports, such as `total_tokens`; empty for a model on this machine.
    """

    values: Vectors
    truncated: int | None = 0
    empty: int = 0
    repaired: int = 0
    usage: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def notes(self) -> list[str]:
        """Sentences on texts that were, or may have been, truncated, and on empty or repaired ones; usually
        none.
        """
        total = len(self.values)
        return notes_on(total, truncated=self.truncated, empty=self.empty, repaired=self.repaired)


class Vectoriser(Protocol):
    """Mapping of texts to vectors; local, remote or composed of others."""

    @property
    def name(self) -> str:
        """Name of the model, as its user would write it."""

    @property
    def dims(self) -> int:
        """Number of elements per vector.

        Reading it may look up the model's files, so do not do it in an event loop.
        """

    def prompt(self, role: Role) -> str:
        """Return the text that the model's own settings put before a text of this role.

        It may look up the model's files too.
        """

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        """Accept the request, of at least one text, and return at once, as `Scorer.submit` does.

        Cancelling the future withdraws the request: texts that have not been embedded yet never will be.
        """

    def warm_up(self) -> Future[None]:
        """Load everything that embedding needs, before the first request."""

    def close(self) -> None:
        """Release all resources; waiting requests fail with `ClosedError`."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """Post-processing of a model's vectors before they are returned, in the order of sentence-transformers.

    Attributes:
        width: number of elements kept of a vector.
        normalise: scale vectors to length 1 before the truncation, after it, or not at all.
        precision: as in `EmbedderOptions`.
        ranges: as in `EmbedderOptions`.
    """

    width: int
    normalise: Literal["before", "after"] | None = None
    precision: PrecisionName = "float32"
    ranges: Sequence[Sequence[float]] | None = None

    def __post_init__(self) -> None:
        if self.ranges is not None and len(self.ranges[0]) != self.width:
            raise OptionError(
                f"ranges are of {len(self.ranges[0])} numbers, and the vectors are of {self.width}"
            )

    @property
    def dims(self) -> int:
        """Number of elements per returned vector; binary precisions pack eight bits into one."""
        return -(-self.width // 8) if self.precision.endswith("binary") else self.width

    def of(self, rows: Float32) -> Vectors:
        """Return vectors of shape (texts, dims) for rows of shape (texts, elements)."""
        if self.normalise == "before":
            rows = unit(rows)
        rows = rows[:, : self.width]
        if self.normalise == "after":
            rows = unit(rows)
        return np.ascontiguousarray(rows) if self.precision == "float32" else self._quantised(rows)

    def _quantised(self, rows: Float32) -> Vectors:
        """Quantize as `sentence_transformers.util.quantize_embeddings` does, with the given ranges."""
        if self.ranges is None:
            bits: npt.NDArray[np.uint8] = np.packbits(rows > 0, axis=-1)
            return bits if self.precision == "ubinary" else (bits ^ 128).view(np.int8)
        least, greatest = np.asarray(self.ranges, dtype=np.float32)
        steps = (greatest - least) / 255
        steps = np.where(steps == 0, np.float32(1), steps)
        places = np.clip(np.floor((rows - least) / steps), 0, 255)
        unsigned: Vectors = places.astype(np.uint8)
        return unsigned if self.precision == "uint8" else (places - 128).astype(np.int8)


def number_of(precision: PrecisionName) -> type[np.float32 | np.int8 | np.uint8]:
    """Return the number type of a vector's elements in this precision."""
    if precision == "float32":
        return np.float32
    return np.uint8 if precision.startswith("u") else np.int8


def unit(rows: Float32) -> Float32:
    """Divide each row of an array of shape (texts, elements) by its length.

    A row of zeros stays unchanged.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float32))
    unit_rows: Float32 = rows / np.maximum(lengths, _LEAST_LENGTH)[:, None]
    return unit_rows
