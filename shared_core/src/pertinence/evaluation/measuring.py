"""From rankings to measures, query by query: nothing of a ranking is kept but its few numbers."""

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
    """What one system reached.

    Attributes:
        queries: ids of what the means are over.
        values: of shape (queries, measures).
        judged: which of the queries have a relevant passage.
        ranked: how many queries were ranked.
        passages: how many passages, over all of them.
        seconds: what that took.
        truncated: how many passages were cut; None where nobody tells.
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
        """Of a query, on average."""
        return 1000 * self.seconds / self.ranked if self.ranked and self.seconds else None

    @property
    def pairs_per_second(self) -> float | None:
        """Of query and passage."""
        return self.passages / self.seconds if self.seconds else None

    def estimates(
        self, measures: Sequence[str], published: Mapping[str, float] | None
    ) -> dict[str, Estimate]:
        """Means with their intervals."""
        return estimates(self.values, measures, published)

    def without_empty(self, column: int) -> float:
        """The mean over queries that have a relevant passage."""
        return float(self.values[self.judged, column].mean()) if self.judged.any() else 0.0


def measure_all(rankings: Iterable[Ranked], asked: Mapping[str, Mapping[str, int]], plan: Plan) -> Measured:
    """Measure every query that is asked; one that was not ranked reaches 0.

    A query without a relevant passage is left out, or reaches 0 where the plan has it so.
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
