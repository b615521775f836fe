"""`Scorer`, the protocol of both engines: takes a query and texts, returns a future of scores."""

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
# Kinds that a caller may request; the returned scores state their actual kind.
ScoreKindName = Literal["auto", "probability", "logit", "raw"]
SCORE_KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores, one per text, in input order, with counts of texts that were truncated, empty or repaired.

    Attributes:
        values: float32 array of shape (texts,).
        kind: kind of the values: `logit` (the model's own output), `probability` (its sigmoid, or the softmax
            of two labels) or `raw` (the scale that the model or the server chose).
        truncated: number of texts truncated to fit the model; None if a server may have truncated some and
            does not report it.
        empty: number of texts that are empty or only whitespace; they are scored like any other.
        repaired: number of texts with a lone surrogate, which no encoding can carry, replaced by U+FFFD.
        query_truncated: True if the query itself was truncated.
        usage: counts that a server reports, such as `total_tokens`; empty for a model on this machine.
        dtype: precision that a model on this machine computed in, such as `float32`; None for a server.
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
        """Convert the scores to another scale; `auto` gives `probability` if it is available.

        Raises:
            InputError: the scale of these scores is not known well enough to convert them.
        """
        if kind == self.kind or (kind == "auto" and self.kind != "logit"):
            return self
        if self.kind == "logit" and kind in ("probability", "auto"):
            return replace(self, values=sigmoid(self.values), kind="probability")
        raise InputError(f"scores of kind {self.kind!r} cannot be turned into {kind!r}")


class Scorer(Protocol):
    """Mapping of a query and texts to one float per text; local, remote or composed of other scorers."""

    @property
    def name(self) -> str:
        """Name of the model, as its user would write it."""

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Accept the request and return at once, without loading, tokenizing or waiting.

        Cancelling the future withdraws the request: texts that have not been scored yet never will be.
        """

    def warm_up(self) -> Future[None]:
        """Load everything that scoring needs, before the first request."""

    def close(self) -> None:
        """Release all resources; waiting requests fail with `ClosedError`."""


def sigmoid(logits: Float32) -> Float32:
    """Compute `1 / (1 + exp(-x))` without overflow at either end; float32 in and out."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)


def notes_on(total: int, *, truncated: int | None, empty: int, repaired: int) -> list[str]:
    """Return one sentence per count that is not zero, out of `total` texts; see `Scores` for the counts.

    If `truncated` is None, a sentence states that the server does not report truncation.
    """
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
