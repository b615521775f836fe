"""Confidence intervals and significance tests over queries (pure), with fixed seeds for repeatable reports.

Bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, percentile interval;
queries are resampled, as Sakai (SIGIR 2006) does for retrieval. Randomization: Fisher's test, as Smucker,
Allan and Carterette (CIKM 2007) recommend. Multiple comparisons: Holm (1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["DRAWS", "bootstrap_intervals", "holm", "randomisation_test"]

Float64 = npt.NDArray[np.float64]

DRAWS = 10_000
_SEED = 7
# Size of each batch of random numbers: a batch takes 1 MB, whatever the number of queries.
_AT_ONCE = 1 << 17


def bootstrap_intervals(values: Float64, *, level: float = 0.95, draws: int = DRAWS) -> Float64:
    """Return the bootstrap percentile interval of each column's mean.

    Args:
        values: values of shape (queries, columns).
        level: confidence level.
        draws: number of samples of queries, with replacement; all columns share the same samples.

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
    """Return the two-sided p-value of each mean difference: how often random signs make it as large.

    Args:
        differences: difference between two systems for each query, of shape (queries, columns).
        draws: number of random sign assignments; the smallest possible p is 1 / (draws + 1).

    Returns:
        P-values of shape (columns,); 1 if there is no difference at all.
    """
    queries = len(differences)
    if not queries:
        return np.ones(differences.shape[1])
    random = np.random.default_rng(_SEED)
    reached = np.abs(differences.sum(axis=0))
    # Allow for rounding: sums of the same numbers in another order differ in their last digits.
    least = reached - 1e-9 * np.abs(differences).sum(axis=0)
    as_large = np.zeros(differences.shape[1])
    for count in _portions(draws, queries):
        signs = random.integers(0, 2, size=(count, queries), dtype=np.int8) * 2.0 - 1.0
        as_large += np.count_nonzero(np.abs(signs @ differences) >= least, axis=0)
    p: Float64 = (1 + as_large) / (1 + draws)
    return p


def holm(p_values: Sequence[float]) -> list[float]:
    """Apply Holm's step-down correction, which bounds the probability of any false positive among all."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def _drawn(random: np.random.Generator, draws: int, queries: int) -> Float64:
    """Return how often each query is drawn in each sample, of shape (draws, queries)."""
    places = random.integers(0, queries, size=(draws, queries))
    places += np.arange(draws)[:, None] * queries
    counts = np.bincount(places.ravel(), minlength=draws * queries).reshape(draws, queries)
    # Multiplying integer matrices is four times slower.
    return counts.astype(np.float64)


def _portions(draws: int, queries: int) -> list[int]:
    size = max(1, _AT_ONCE // queries)
    full, rest = divmod(draws, size)
    return [size] * full + [rest] * (rest > 0)
