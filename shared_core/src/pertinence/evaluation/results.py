"""Results of an evaluation as data: the means of every system, and comparisons between systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pertinence.evaluation.statistics import bootstrap_intervals, holm, randomisation_test
from pertinence.evaluation.systems import Kind

__all__ = ["Comparison", "Estimate", "Question", "Results", "SystemResult", "compare", "estimates"]

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Mean over queries with its 95% confidence interval.

    Attributes:
        published: figure on the model card; None if it has none.
    """

    mean: float
    low: float
    high: float
    published: float | None = None


@dataclass(frozen=True, kw_only=True)
class SystemResult:
    """Results of one system.

    Attributes:
        name: name in the report.
        kind: kind of system.
        facts: everything that determines its scores (see `System.describe`).
        estimates: mean and interval by measure.
        values: values of shape (queries, measures); the rows are in the same order for all systems.
        milliseconds: mean time per query with all its passages, while the queue is kept full; None if the
            system is not timed.
        pairs_per_second: (query, passage) pairs ranked per second; None unless a reranker was timed.
        passages: number of passages ranked, over all queries.
        truncated: number of these that were cut to fit the model; None if the system does not report it.
    """

    name: str
    kind: Kind
    facts: Mapping[str, Any]
    estimates: Mapping[str, Estimate]
    values: Float64 = field(repr=False)
    milliseconds: float | None
    pairs_per_second: float | None
    passages: int
    truncated: int | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Comparison of two systems by one measure, on the same queries.

    Attributes:
        first, second: names of the systems; the difference is the second's mean minus the first's.
        low, high: 95% interval of the difference, by bootstrap over queries.
        p: two-sided p-value of the paired randomization test.
        p_holm: p-value corrected for all comparisons by this measure.
        won, lost, tied: number of queries where the second system is better, worse, equal.
    """

    first: str
    second: str
    measure: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    won: int
    lost: int
    tied: int


@dataclass(frozen=True, kw_only=True)
class Question:
    """Query that a system won or lost against the first system (usually the first stage), for the report.

    Attributes:
        system, against: names of the two systems.
        query: text of the query.
        measure: name of the measure that is compared.
        before, after: value of the measure for `against` and for `system`.
        relevant: text of a relevant passage. `rank_before` and `rank_after` are its ranks in the two rankings
            (from 1; None if the ranking lacks it).
        best_before, best_after: texts of the passages at rank one; empty if the ranking is empty.
    """

    system: str
    against: str
    query: str
    measure: str
    before: float
    after: float
    relevant: str
    rank_before: int | None
    rank_after: int | None
    best_before: str
    best_after: str

    @property
    def won(self) -> bool:
        """True if `system` is better than `against`."""
        return self.after > self.before


@dataclass(frozen=True, kw_only=True)
class Results:
    """Results of all systems on one collection.

    Attributes:
        name: name of the collection.
        queries: number of queries that the means cover.
        passages: number of passages in the corpus; None if unknown.
        measures: names of the measures, in column order.
        headline: measure by which the report compares systems at a glance.
        systems: results by system; the first stage, if there is one, comes first.
        comparisons: comparisons of every two systems.
        questions: examples of queries that were won and lost.
        notes: facts about the data that a reader must know: what counts as 0, and what is left out.
    """

    name: str
    queries: int
    passages: int | None
    measures: tuple[str, ...]
    headline: str
    systems: tuple[SystemResult, ...]
    comparisons: tuple[Comparison, ...]
    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()


def estimates(
    values: Float64, measures: Sequence[str], published: Mapping[str, float] | None = None
) -> dict[str, Estimate]:
    """Compute the mean and the confidence interval of each column."""
    intervals = bootstrap_intervals(values)
    means = values.mean(axis=0) if len(values) else np.full(len(measures), np.nan)
    return {
        name: Estimate(
            mean=float(mean), low=float(low), high=float(high), published=(published or {}).get(name)
        )
        for name, mean, (low, high) in zip(measures, means, intervals, strict=True)
    }


def compare(systems: Sequence[SystemResult], measures: Sequence[str]) -> tuple[Comparison, ...]:
    """Compare every two systems by every measure."""
    pairs = [(first, second) for place, first in enumerate(systems) for second in systems[place + 1 :]]
    if not pairs:
        return ()
    apart = np.stack([second.values - first.values for first, second in pairs], axis=1)
    # Handle all pairs and measures in one call: they share the random draws, which take most of the time.
    wide = apart.reshape(len(apart), -1)
    ends = bootstrap_intervals(wide).reshape(len(pairs), len(measures), 2)
    p_values = randomisation_test(wide).reshape(len(pairs), len(measures))
    compared = []
    for column, measure in enumerate(measures):
        corrected = holm(p_values[:, column].tolist())
        for place, ((first, second), p_holm) in enumerate(zip(pairs, corrected, strict=True)):
            mine = apart[:, place, column]
            # Ignore rounding errors: they make no query won or lost.
            moved = np.where(np.abs(mine) > 1e-9, np.sign(mine), 0)
            compared.append(
                Comparison(
                    first=first.name,
                    second=second.name,
                    measure=measure,
                    difference=float(mine.mean()) if len(mine) else 0.0,
                    low=float(ends[place, column, 0]),
                    high=float(ends[place, column, 1]),
                    p=float(p_values[place, column]),
                    p_holm=p_holm,
                    won=int((moved > 0).sum()),
                    lost=int((moved < 0).sum()),
                    tied=int((moved == 0).sum()),
                )
            )
    return tuple(compared)
