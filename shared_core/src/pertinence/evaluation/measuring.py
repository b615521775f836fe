"""Measures computed from rankings, query by query: only a few numbers of each ranking stay in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pertinence.evaluation.checkpoint import Ranked
from pertinence.evaluation.measures import measurer
from pertinence.evaluation.results import Estimate, estimates
from pertinence.evaluation.tasks import Plan

__all__ = ["Measured", "measure_all"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measures of one system.

    Attributes:
        queries: ids of the queries that the means cover.
        values: measures by query, of shape (queries, measures).
        judged: for each query, True if it has a relevant passage; of shape (queries,).
        ranked: number of queries that were ranked.
        passages: number of passages that were ranked, over all queries.
        seconds: time that ranking took, over all queries.
        truncated: number of passages that were cut to fit the model; None if the system does not report it.
    """

    queries: tuple[str, ...]
    values: npt.NDArray[np.float64]
    judged: npt.NDArray[np.bool_]
    ranked: int
    passages: int
    seconds: float
    truncated: int | None

    @property
    def milliseconds(self) -> float | None:
        """Mean time per query in milliseconds; None if nothing was timed."""
        return 1000 * self.seconds / self.ranked if self.ranked and self.seconds else None

    @property
    def pairs_per_second(self) -> float | None:
        """Number of (query, passage) pairs ranked per second; None if nothing was timed."""
        return self.passages / self.seconds if self.seconds else None

    def estimates(
        self, measures: Sequence[str], published: Mapping[str, float] | None
    ) -> dict[str, Estimate]:
        """Return the mean of each measure with its confidence interval."""
        return estimates(self.values, measures, published)

    def without_empty(self, column: int) -> float:
        """Return the mean of a column of `values` over queries with a relevant passage; 0 if none has one."""
        return float(self.values[self.judged, column].mean()) if self.judged.any() else 0.0


def measure_all(rankings: Iterable[Ranked], asked: Mapping[str, Mapping[str, int]], plan: Plan) -> Measured:
    """Compute the measures of every selected query; a query that was not ranked gets 0.

    A query without a relevant passage is left out, or gets 0 if the plan has `without_positives`.
    """
    measure = measurer(plan.measures)
    judged = {query: any(grades.values()) for query, grades in asked.items()}
    counted = [query for query in asked if judged[query] or plan.without_positives]
    places = {query: place for place, query in enumerate(counted)}
    values = np.zeros((len(counted), len(plan.measures)))
    ranked = passages = 0
    seconds = 0.0
    truncated: int | None = 0
    for each in rankings:
        ranked += 1
        passages += len(each.passages)
        seconds += each.seconds
        truncated = None if truncated is None or each.truncated is None else truncated + each.truncated
        if judged.get(each.query) and each.passages:
            values[places[each.query]] = measure(asked[each.query], each.passages)
    return Measured(
        queries=tuple(counted),
        values=values,
        judged=np.array([judged[query] for query in counted], dtype=bool),
        ranked=ranked,
        passages=passages,
        seconds=seconds,
        truncated=truncated,
    )
