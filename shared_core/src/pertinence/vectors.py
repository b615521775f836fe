"""The protocol behind `Embedder`: texts and their role go in, a future of vectors comes out."""

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

# Below such a length a vector is taken for zero, as torch's `normalize` does.
_LEAST_LENGTH = np.float32(1e-12)


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """One vector per text, in input order, and what had to be done to the texts to get them.

    Attributes:
        values: array of shape (texts, dims); float32, unless another precision was asked for.
        truncated: how many texts were cut to fit the model; None if a server does not tell.
        empty: how many texts had nothing in them; they are embedded like any other.
        repaired: how many texts held a lone surrogate, replaced by U+FFFD.
        usage: what a server says it counted, such as `total_tokens`; empty for a model of this machine.
    """

    values: Vectors
    truncated: int | None = 0
    empty: int = 0
    repaired: int = 0
    usage: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def notes(self) -> list[str]:
        """What a reader of the vectors should know of the texts behind them, in words; mostly nothing."""
        total = len(self.values)
        return notes_on(total, truncated=self.truncated, empty=self.empty, repaired=self.repaired)


class Vectoriser(Protocol):
    """Maps texts to vectors; local, remote or composed of others."""

    @property
    def name(self) -> str:
        """The model, as its user would name it."""

    @property
    def dims(self) -> int:
        """Numbers per vector. It may have to look for the model's files: not for an event loop."""

    def prompt(self, role: Role) -> str:
        """What the model's own settings put before a text of this role; it may look for files too."""

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        """Take the request, of one text at least, and return at once, as `Scorer.submit` does.

        Cancelling the future withdraws the request: what has not been computed never will be.
        """

    def warm_up(self) -> Future[None]:
        """Load what embedding needs, ahead of the first request."""

    def close(self) -> None:
        """Give back what is held; requests that wait are answered with `ClosedError`."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What becomes of a model's vectors before they are given out, in sentence-transformers' order.

    Attributes:
        width: numbers that are kept of a vector.
        normalise: bring vectors to length 1 before the cut, after it, or not at all.
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
        """Numbers per vector as it is given out: bits go eight to a number."""
        return -(-self.width // 8) if self.precision.endswith("binary") else self.width

    def of(self, rows: Float32) -> Vectors:
        """Vectors of shape (texts, dims) from rows of shape (texts, numbers)."""
        if self.normalise == "before":
            rows = unit(rows)
        rows = rows[:, : self.width]
        if self.normalise == "after":
            rows = unit(rows)
        return np.ascontiguousarray(rows) if self.precision == "float32" else self._quantised(rows)

    def _quantised(self, rows: Float32) -> Vectors:
        """As `sentence_transformers.util.quantize_embeddings` does, with given ranges."""
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
    """The type of the numbers of a vector in this precision."""
    if precision == "float32":
        return np.float32
    return np.uint8 if precision.startswith("u") else np.int8


def unit(rows: Float32) -> Float32:
    """The rows of shape (texts, numbers), each divided by its length; one of zeros stays as it is."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float32))
    unit_rows: Float32 = rows / np.maximum(lengths, _LEAST_LENGTH)[:, None]
    return unit_rows
