"""nDCG of a ranked list, and a comparison with random orders (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pertinence.errors import InputError

__all__ = ["ndcg", "share_of_random_orders"]

Float64 = npt.NDArray[np.float64]
_SEED = 20
_DRAWS = 2000


def ndcg(grades: npt.ArrayLike, k: int = 10) -> float:
    """Compute normalized discounted cumulative gain, from 0 to 1, of grades in the order of a ranking.

    The definition is that of trec_eval: the gain is the grade, its discount is log2(rank + 1), and the
    ideal order sorts the same grades. The result is 0 if no grade is above 0.

    Raises:
        InputError: `k` is not positive, or a grade is negative or not finite.
    """
    if k <= 0:
        raise InputError(f"k must be > 0, but got {k}")
    gains = np.asarray(grades, dtype=np.float64)
    if not (np.isfinite(gains).all() and (gains >= 0).all()):
        raise InputError("grades must be finite and not negative")
    ideal = _dcg(-np.sort(-gains), k)
    return float(_dcg(gains, k) / ideal) if ideal > 0 else 0.0


def share_of_random_orders(lists: Sequence[npt.ArrayLike], reached: float, k: int = 10) -> float:
    """Estimate how likely random orders reach a mean nDCG: a permutation test, from 1/2001 to 1.

    Args:
        lists: grades of each question's candidates, in any order.
        reached: mean nDCG to reach.
        k: depth of nDCG.
    """
    draw = np.random.default_rng(_SEED)
    total = np.zeros(_DRAWS)
    for grades in lists:
        gains = np.asarray(grades, dtype=np.float64)
        ideal = _dcg(-np.sort(-gains), k)
        if ideal > 0:
            total += _dcg(draw.permuted(np.tile(gains, (_DRAWS, 1)), axis=1), k) / ideal
    # The tolerance keeps an order that equals the best one from being missed by a rounding error.
    as_good = np.count_nonzero(total / len(lists) >= reached - 1e-9)
    return float((1 + as_good) / (1 + _DRAWS))


def _dcg(gains: Float64, k: int) -> Float64:
    head = gains[..., :k]
    summed: Float64 = (head / np.log2(np.arange(2, head.shape[-1] + 2))).sum(axis=-1)
    return summed
