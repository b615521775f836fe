"""How alike two score lists are: order (tau, overlap) and values (drift, drift over spread); pure.

The first list is the reference: what a faster backend, another precision or a peer is held against.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pertinence.errors import InputError

__all__ = ["drift_over_spread", "kendall_tau", "max_drift", "spread_within", "top_overlap"]

Float64 = npt.NDArray[np.float64]


def kendall_tau(reference: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Kendall's tau-b, from 1 (same order) to -1 (reverse), with ties taken out of both lists' pairs.

    NaN where a list holds no two different scores, since it then has no order to agree with.

    Raises:
        InputError: the lists are empty, not of one length, not flat or not finite.
    """
    first, second = _both(reference, other)
    balance = ordered_first = ordered_second = 0
    for index in range(len(first) - 1):
        # Row by row: the whole matrix of pairs would take gigabytes for a long list.
        signs, other_signs = _signs(first, index), _signs(second, index)
        balance += int(np.sum(signs * other_signs))
        ordered_first += int(np.count_nonzero(signs))
        ordered_second += int(np.count_nonzero(other_signs))
    if not ordered_first or not ordered_second:
        return math.nan
    return balance / math.sqrt(ordered_first * ordered_second)


def top_overlap(reference: npt.ArrayLike, other: npt.ArrayLike, k: int) -> float:
    """The share, from 0 to 1, of the reference's `k` best that are among the other's `k` best.

    Equal scores keep the order they came in, as in a ranking; a list shorter than `k` is taken whole.

    Raises:
        InputError: `k` is not positive, or the lists cannot be compared (see `kendall_tau`).
    """
    if k <= 0:
        raise InputError(f"k must be > 0, but got {k}")
    first, second = _both(reference, other)
    best = np.argsort(-first, kind="stable")[:k]
    return float(np.isin(best, np.argsort(-second, kind="stable")[:k]).mean())


def max_drift(reference: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """The largest absolute difference between two scores of one text, in units of the scores.

    Raises:
        InputError: the lists cannot be compared (see `kendall_tau`).
    """
    first, second = _both(reference, other)
    return float(np.abs(first - second).max())


def drift_over_spread(reference: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """`max_drift` in standard deviations of the reference's scores: a drift that is small may still be
    large among scores that hardly differ.

    Infinite where the reference's scores are all the same and the other's are not those.

    Raises:
        InputError: the lists cannot be compared (see `kendall_tau`).
    """
    first, second = _both(reference, other)
    drift = float(np.abs(first - second).max())
    # Not by the deviation itself: rounding gives equal scores one that is not quite zero.
    spread = float(first.std()) if np.ptp(first) > 0 else 0.0
    if spread == 0:
        return math.inf if drift else 0.0
    return drift / spread


def spread_within(lists: Iterable[npt.ArrayLike]) -> float:
    """The standard deviation of scores around the mean of their own list, over all lists, in their units.

    A ranking compares scores of one query only, so what sets queries apart is no room for a drift. Scores
    that differ by less than float32 can tell apart have no spread: 0.

    Raises:
        InputError: there is no list, or one is empty, not flat or not finite.
    """
    arrays = [_both(scores, scores)[0] for scores in lists]
    if not arrays:
        raise InputError("without score lists there is no spread")
    off = np.concatenate([scores - scores.mean() for scores in arrays])
    spread = float(np.sqrt(np.mean(off * off)))
    largest = max(float(np.abs(scores).max()) for scores in arrays)
    return spread if spread > float(np.finfo(np.float32).eps) * largest else 0.0


def _signs(scores: Float64, index: int) -> npt.NDArray[np.int64]:
    """1, 0 or -1 for every later score: greater than, equal to or less than this one."""
    later, this = scores[index + 1 :], scores[index]
    signs: npt.NDArray[np.int64] = (later > this).astype(np.int64) - (later < this)
    return signs


def _both(reference: npt.ArrayLike, other: npt.ArrayLike) -> tuple[Float64, Float64]:
    first, second = np.asarray(reference, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"two flat lists of one length are compared, not shapes {first.shape}, {second.shape}"
        )
    if not len(first):
        raise InputError("empty score lists cannot be compared")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("a score is not finite")
    return first, second
