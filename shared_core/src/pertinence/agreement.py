"""Measures of agreement between two score lists: their order (tau, overlap) and their values (drift). Pure.

The first list is the reference. The second comes, for example, from a faster backend, another precision or
another library.
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
    """Compute Kendall's tau-b, from 1 (same order) to -1 (reverse order), with ties removed from both lists.

    The result is NaN if a list has no two different scores, because such a list has no order to compare.

    Raises:
        InputError: the lists are empty, differ in length, are not flat, or hold a value that is not finite.
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
    """Return the share, from 0 to 1, of the reference's `k` best that are among the other list's `k` best.

    Equal scores keep their input order, as in a ranking. A list shorter than `k` is used whole.

    Raises:
        InputError: `k` is not positive, or the lists cannot be compared (see `kendall_tau`).
    """
    if k <= 0:
        raise InputError(f"k must be > 0, but got {k}")
    first, second = _both(reference, other)
    best = np.argsort(-first, kind="stable")[:k]
    return float(np.isin(best, np.argsort(-second, kind="stable")[:k]).mean())


def max_drift(reference: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return the largest absolute difference between the two scores of one text, in units of the scores.

    Raises:
        InputError: the lists cannot be compared (see `kendall_tau`).
    """
    first, second = _both(reference, other)
    return float(np.abs(first - second).max())


def drift_over_spread(reference: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return `max_drift` in standard deviations of the reference's scores.

    A small drift can still be large among scores that hardly differ. The result is infinite if all scores of
    the reference are equal and the other list differs from them.

    Raises:
        InputError: the lists cannot be compared (see `kendall_tau`).
    """
    first, second = _both(reference, other)
    drift = float(np.abs(first - second).max())
    # Test the range, not the deviation: by rounding, the deviation of equal scores is not exactly zero.
    spread = float(first.std()) if np.ptp(first) > 0 else 0.0
    if spread == 0:
        return math.inf if drift else 0.0
    return drift / spread


def spread_within(lists: Iterable[npt.ArrayLike]) -> float:
    """Return the standard deviation of scores around the mean of their own list, over all lists.

    The unit is that of the scores. A ranking compares the scores of one query only, so differences between
    queries do not count. If the scores differ by less than float32 can resolve, the spread is 0.

    Raises:
        InputError: there is no list, or a list is empty, not flat or not finite.
    """
    arrays = [_both(scores, scores)[0] for scores in lists]
    if not arrays:
        raise InputError("without score lists there is no spread")
    off = np.concatenate([scores - scores.mean() for scores in arrays])
    spread = float(np.sqrt(np.mean(off * off)))
    largest = max(float(np.abs(scores).max()) for scores in arrays)
    return spread if spread > float(np.finfo(np.float32).eps) * largest else 0.0


def _signs(scores: Float64, index: int) -> npt.NDArray[np.int64]:
    """Compare every later score with the score at `index`: 1 if it is greater, 0 if equal, -1 if less."""
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
