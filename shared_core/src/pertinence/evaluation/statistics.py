"""Confidence intervals and tests over queries (pure): all from seeds, so that a report can be repeated.

Bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, the percentile
interval, queries being what is drawn, as Sakai (SIGIR 2006) has it for retrieval. Randomisation: Fisher's
test as Smucker, Allan and Carterette (CIKM 2007) recommend it. Many comparisons: Holm (1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["DRAWS", "bootstrap_intervals", "holm", "randomisation_test"]

Float64 = npt.NDArray[np.float64]

DRAWS = 10_000
_SEED = 7
# Random numbers drawn at once: they take 1 MB, however many queries there are.
_AT_ONCE = 1 << 17


def bootstrap_intervals(values: Float64, *, level: float = 0.95, draws: int = DRAWS) -> Float64:
    """The percentile interval of each mean.

    Args:
        values: of shape (queries, columns).
        level: how sure it is to be.
        draws: how often queries are drawn, with replacement; the same ones for every column.

    Returns:
        Lower and upper ends, of shape (columns, 2); NaN without queries.
    """
    queries = len(values)
    if not queries:
        return np.full((values.shape[1], 2), np.nan)
    random = np.random.default_rng(_SEED)
    means = np.concatenate(
        [_drawn(random, count, queries) @ values / queries for count in _portions(draws, queries)]
    )
    tail = (1 - level) / 2
    ends: Float64 = np.quantile(means, [tail, 1 - tail], axis=0).T
    return ends


def randomisation_test(differences: Float64, *, draws: int = DRAWS) -> Float64:
    """Two-sided p of each mean difference: how often random signs make it as large.

    Args:
        differences: of one system to another, query by query, of shape (queries, columns).
        draws: how many assignments of signs are drawn; the least p is 1 / (draws + 1).

    Returns:
        Of shape (columns,); 1 where there is no difference at all.
    """
    queries = len(differences)
    if not queries:
        return np.ones(differences.shape[1])
    random = np.random.default_rng(_SEED)
    reached = np.abs(differences.sum(axis=0))
    # Sums of the same numbers in another order differ in their last digits.
    least = reached - 1e-9 * np.abs(differences).sum(axis=0)
    as_large = np.zeros(differences.shape[1])
    for count in _portions(draws, queries):
        signs = random.integers(0, 2, size=(count, queries), dtype=np.int8) * 2.0 - 1.0
        as_large += np.count_nonzero(np.abs(signs @ differences) >= least, axis=0)
    p: Float64 = (1 + as_large) / (1 + draws)
    return p


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: p of each, such that any error among all of them is as rare as it says."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def _drawn(random: np.random.Generator, draws: int, queries: int) -> Float64:
    """How often each query is drawn in each draw, of shape (draws, queries)."""
    places = random.integers(0, queries, size=(draws, queries))
    places += np.arange(draws)[:, None] * queries
    counts = np.bincount(places.ravel(), minlength=draws * queries).reshape(draws, queries)
    # Matrices of whole numbers are multiplied four times slower.
    return counts.astype(np.float64)


def _portions(draws: int, queries: int) -> list[int]:
    size = max(1, _AT_ONCE // queries)
    full, rest = divmod(draws, size)
    return [size] * full + [rest] * (rest > 0)
