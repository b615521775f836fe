"""The one protocol that both wings speak: a query and texts go in, a future of scores comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from pertinence.errors import InputError

__all__ = ["SCORE_KINDS", "Float32", "ScoreKind", "ScoreKindName", "Scorer", "Scores", "notes_on", "sigmoid"]

ScoreKind = Literal["probability", "logit", "raw"]
# What may be asked for; what comes back says which kind it is.
ScoreKindName = Literal["auto", "probability", "logit", "raw"]
SCORE_KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One score per text, in input order, and what had to be done to the texts to get them.

    Attributes:
        values: float32 array of shape (texts,).
        kind: what the values are: `logit` (the model's own output), `probability` (its sigmoid, or
            the softmax of two labels) or `raw` (the scale that the model or the server chose).
        truncated: how many texts were cut to fit the model; None if a server may have cut some and
            does not tell.
        empty: how many texts had nothing in them; they are scored like any other.
        repaired: how many texts held a lone surrogate, which no encoding can carry, replaced by U+FFFD.
        query_truncated: the query itself was cut.
        usage: what a server says it counted, such as `total_tokens`; empty for a model of this machine.
        dtype: the precision that a model of this machine computed in, such as `float32`; None for a server.
    """

    values: Float32
    kind: ScoreKind
    truncated: int | None = 0
    empty: int = 0
    repaired: int = 0
    query_truncated: bool = False
    usage: Mapping[str, int] = field(default_factory=dict, hash=False)
    dtype: str | None = None

    def to(self, kind: ScoreKindName) -> Scores:
        """The same scores on another scale; `auto` is `probability` where it can be had.

        Raises:
            InputError: the scale of these scores is not known well enough to convert them.
        """
        if kind == self.kind or (kind == "auto" and self.kind != "logit"):
            return self
        if self.kind == "logit" and kind in ("probability", "auto"):
            return replace(self, values=sigmoid(self.values), kind="probability")
        raise InputError(f"scores of kind {self.kind!r} cannot be turned into {kind!r}")


class Scorer(Protocol):
    """Maps a query and texts to one float per text; local, remote or composed of other scorers."""

    @property
    def name(self) -> str:
        """The model, as its user would name it."""

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Take the request and return at once, without loading, tokenising or waiting.

        Cancelling the future withdraws the request: what has not been computed never will be.
        """

    def warm_up(self) -> Future[None]:
        """Load what scoring needs, ahead of the first request."""

    def close(self) -> None:
        """Give back what is held; requests that wait are answered with `ClosedError`."""


def sigmoid(logits: Float32) -> Float32:
    """`1 / (1 + exp(-x))`, computed without overflow at either end; float32 in and out."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)


def notes_on(total: int, *, truncated: int | None, empty: int, repaired: int) -> list[str]:
    """What was done to so many texts, in words; see `Scores` for what is counted."""
    untold = "the server does not tell whether it cut long texts"
    counted = {
        "cut to fit the model": truncated or 0,
        "empty": empty,
        "repaired (a lone surrogate, read as U+FFFD)": repaired,
    }
    return ([untold] if truncated is None and total else []) + [
        f"{count} of {total} {'was' if count == 1 else 'were'} {what}"
        for what, count in counted.items()
        if count
    ]
