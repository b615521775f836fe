"""Conversion of scores to a ranking: order, ties, threshold and `top_k` (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from operator import index
from typing import Generic, SupportsIndex, TypeVar, overload

import numpy as np

from pertinence.errors import OptionError, ScoreError
from pertinence.scorer import ScoreKind, ScoreKindName, Scores, notes_on

__all__ = [
    "RankedDocument",
    "Ranking",
    "check_scores",
    "check_threshold",
    "check_top_k",
    "order",
    "rank_scores",
]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RankedDocument(Generic[T]):
    """Document that was kept, with its score.

    Attributes:
        index: its index in the input list, from 0.
        score: its score, a Python float.
        document: the input object, unchanged.
    """

    index: int
    score: float
    document: T


@dataclass(frozen=True, kw_only=True, repr=False)
class Ranking(Sequence[RankedDocument[T]], Generic[T]):
    """Kept documents, best first, as a sequence of `RankedDocument`.

    Attributes:
        query: the query that the documents were scored for.
        model: the model that scored them.
        score_kind: kind of the scores: `probability`, `logit` or `raw`.
        items: the kept documents, best first; equal scores keep the input order.
        total: number of documents that were scored, kept or not.
        truncated: number of documents truncated to fit the model; None if a server may have truncated some
            and does not report it.
        empty: number of documents without text.
        repaired: number of documents with a lone surrogate, which was replaced by U+FFFD.
        query_truncated: True if the query itself was truncated to fit the model.
        usage: counts that a server reports, such as `total_tokens`; empty for a model on this machine.
        dtype: precision that a model on this machine computed in, such as `float32`. It may differ from the
            requested one if the processor has no multiplication in that precision (docs/precision.md). None
            for a server, and if nothing was computed.
    """

    query: str
    model: str
    score_kind: ScoreKind
    items: tuple[RankedDocument[T], ...]
    total: int
    truncated: int | None = 0
    empty: int = 0
    repaired: int = 0
    query_truncated: bool = False
    usage: Mapping[str, int] = field(default_factory=dict, hash=False)
    dtype: str | None = None

    @overload
    def __getitem__(self, index: int) -> RankedDocument[T]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RankedDocument[T], ...]: ...
    def __getitem__(self, index: int | slice) -> RankedDocument[T] | tuple[RankedDocument[T], ...]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[RankedDocument[T]]:
        return iter(self.items)

    def __repr__(self) -> str:
        shown = ", ".join(f"{_brief(item.document)} {item.score:.3f}" for item in self.items[:3])
        more = ", ..." if len(self.items) > 3 else ""
        kept = f"{len(self.items)} of {self.total} documents"
        return f"<Ranking of {kept} by {self.model}: {shown}{more} {self.score_kind}>"

    @property
    def documents(self) -> list[T]:
        """Kept documents, best first."""
        return [item.document for item in self.items]

    @property
    def scores(self) -> list[float]:
        """Scores of the kept documents, highest first."""
        return [item.score for item in self.items]

    @property
    def notes(self) -> list[str]:
        """Sentences on texts that were, or may have been, truncated, and on empty or repaired ones; usually
        none.
        """
        return notes_on(self.total, truncated=self.truncated, empty=self.empty, repaired=self.repaired)


def _brief(document: object) -> str:
    text = repr(document)
    return text if len(text) <= 40 else f"{text[:37]}..."


def check_top_k(top_k: object, name: str = "top_k") -> int | None:
    """Return `top_k` as an int or None (keep all).

    Raises:
        OptionError: the value is not a whole number > 0; the message names the option and the value.
    """
    if top_k is None:
        return None
    if isinstance(top_k, bool) or not isinstance(top_k, SupportsIndex):
        raise OptionError(f"{name} must be a whole number or None, got {top_k!r}")
    if (number := index(top_k)) <= 0:
        raise OptionError(f"{name} must be > 0, but got {number}")
    return number


def check_threshold(threshold: object, name: str = "threshold") -> float | None:
    """Return `threshold` as a float or None (keep all).

    Raises:
        OptionError: the value is not a number, or is out of range; the message names the option.
    """
    if threshold is None:
        return None
    if isinstance(threshold, bool) or not isinstance(threshold, Real) or threshold != threshold:
        raise OptionError(f"{name} must be a number or None, got {threshold!r}")
    try:
        return float(threshold)
    except OverflowError as error:
        raise OptionError(f"{name} is out of range") from error


def order(
    scores: Scores,
    *,
    top_k: int | None = None,
    threshold: float | None = None,
    kind: ScoreKindName | None = None,
) -> list[int]:
    """Return the indices of the kept scores, highest first; ties keep the input order.

    The threshold is on the scale `kind` and applied before `top_k`. Scores equal to it are kept. Logits are
    sorted as logits even if probabilities are requested: different logits can round to the same probability
    of 1.
    """
    indices: list[int] = np.argsort(-scores.values, kind="stable").tolist()
    if threshold is not None:
        shown = scores.to(kind or scores.kind).values
        indices = [place for place in indices if float(shown[place]) >= threshold]
    return indices[:top_k]


def rank_scores(
    query: str,
    documents: Sequence[T],
    scores: Scores,
    *,
    model: str,
    kind: ScoreKindName | None = None,
    top_k: int | None = None,
    threshold: float | None = None,
) -> Ranking[T]:
    """Rank `documents` by `scores`, which are in the same order. The result shows scores on the scale `kind`.

    Raises:
        ScoreError: there is not one finite score per document.
        InputError: the scores cannot be converted to `kind`.
    """
    check_scores(scores, len(documents), model)
    shown = scores.to(kind or scores.kind)
    kept = order(scores, top_k=top_k, threshold=threshold, kind=kind)
    return Ranking(
        query=query,
        model=model,
        score_kind=shown.kind,
        items=tuple(
            RankedDocument(index=place, score=float(shown.values[place]), document=documents[place])
            for place in kept
        ),
        total=len(documents),
        truncated=scores.truncated,
        empty=scores.empty,
        repaired=scores.repaired,
        query_truncated=scores.query_truncated,
        usage=scores.usage,
        dtype=scores.dtype,
    )


def check_scores(scores: Scores, count: int, model: str) -> None:
    """Check that there is exactly one finite score per document, for scores of any scorer.

    Raises:
        ScoreError: the number of scores is wrong, or one is not finite; the message names the first such
            document.
    """
    if scores.values.shape != (count,):
        raise ScoreError(f"{model} gave scores of shape {scores.values.shape} for {count} documents")
    bad = np.flatnonzero(~np.isfinite(scores.values))
    if len(bad):
        first = f"{scores.values[bad[0]]} for document {bad[0]}"
        raise ScoreError(f"{model} gave {first}; {len(bad)} of {count} are not finite")
