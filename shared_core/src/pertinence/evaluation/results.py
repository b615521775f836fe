"""What an evaluation found, as data: every system with its means, and how the systems compare."""

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
    """A mean over queries, and its 95% confidence interval.

    Attributes:
        published: what the model's card says, where it does.
    """

    mean: float
    low: float
    high: float
    published: float | None = None


@dataclass(frozen=True, kw_only=True)
class SystemResult:
    """One system.

    Attributes:
        name: as it is called in the report.
        kind: what it is.
        facts: what decides its scores (see `System.describe`).
        estimates: by measure.
        values: of shape (queries, measures), in the order of the results' queries.
        milliseconds: of one query with all its passages, the queue kept full; None for what is not timed.
        pairs_per_second: likewise.
        passages: how many were ranked, over all queries.
        truncated: how many of them were cut to fit the model; None where nobody tells.
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
    """Two systems by one measure, on the same queries.

    Attributes:
        first, second: their names; the difference is the second's mean less the first's.
        low, high: its 95% interval, by bootstrap over queries.
        p: two-sided, of the paired randomisation test.
        p_holm: corrected for all comparisons by this measure.
        won, lost, tied: queries where the second is better, worse, equal.
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
    """A query that a system won or lost against the first stage, to be read.

    Attributes:
        system, against: which systems.
        query: what was asked.
        measure: by which they are told apart.
        before, after: its value for `against` and for `system`.
        relevant: a passage that answers, and its rank before and after (from 1; None where it is not there).
        best_before, best_after: the passages on rank one.
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
        """Whether the system is the better one."""
        return self.after > self.before


@dataclass(frozen=True, kw_only=True)
class Results:
    """One collection.

    Attributes:
        name: of the collection.
        queries: how many the means are over.
        passages: how many the corpus holds; None where that is not known.
        measures: in their order.
        headline: the measure by which systems are compared at a glance.
        systems: the first stage first, where there is one.
        comparisons: every system with the first stage, and with each other.
        questions: some that were won and some that were lost.
        notes: what a reader must know of the data: what is counted as 0, and what is left out.
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
    """Mean and interval of each column."""
    intervals = bootstrap_intervals(values)
    means = values.mean(axis=0) if len(values) else np.full(len(measures), np.nan)
    return {
        name: Estimate(
            mean=float(mean), low=float(low), high=float(high), published=(published or {}).get(name)
        )
        for name, mean, (low, high) in zip(measures, means, intervals, strict=True)
    }


def compare(systems: Sequence[SystemResult], measures: Sequence[str]) -> tuple[Comparison, ...]:
    """Every two systems, by every measure."""
    pairs = [(first, second) for place, first in enumerate(systems) for second in systems[place + 1 :]]
    if not pairs:
        return ()
    apart = np.stack([second.values - first.values for first, second in pairs], axis=1)
    # All at once: they share their draws, which is what takes time.
    wide = apart.reshape(len(apart), -1)
    ends = bootstrap_intervals(wide).reshape(len(pairs), len(measures), 2)
    p_values = randomisation_test(wide).reshape(len(pairs), len(measures))
    compared = []
    for column, measure in enumerate(measures):
        corrected = holm(p_values[:, column].tolist())
        for place, ((first, second), p_holm) in enumerate(zip(pairs, corrected, strict=True)):
            mine = apart[:, place, column]
            # Rounding alone makes no query won or lost.
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
