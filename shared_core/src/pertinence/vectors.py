"""The protocol behind `Embedder`: texts and their role go in, a future of vectors comes out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from pertinence.scorer import Float32

__all__ = ["Embeddings", "Role", "Vectoriser"]

Role = Literal["query", "document"]


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """One vector per text, in input order, and what had to be done to the texts to get them.

    Attributes:
        values: float32 array of shape (texts, dims).
        truncated: how many texts were cut to fit the model; None if a server does not tell.
        empty: how many texts had nothing in them; they are embedded like any other.
        repaired: how many texts held a lone surrogate, replaced by U+FFFD.
    """

    values: Float32
    truncated: int | None = 0
    empty: int = 0
    repaired: int = 0


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
