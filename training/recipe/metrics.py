"""MRR@10 and nDCG@10 of a reranked first stage, by ir_measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import ir_measures
from ir_measures import RR, nDCG

from recipe.data import Collection

MEASURES = (RR @ 10, nDCG @ 10)
Scorer = Callable[[str, Sequence[str]], Sequence[float]]


def reranked(data: Collection, queries: Sequence[str], depth: int, score: Scorer) -> dict[str, list[str]]:
    """The same candidates in the order of `score`; ties keep the first stage's order."""
    ranking = {}
    for query in queries:
        passages = data.candidates[query][:depth]
        scores = score(data.queries[query], [data.passages[p] for p in passages])
        order = sorted(range(len(passages)), key=lambda i: -scores[i])
        ranking[query] = [passages[i] for i in order]
    return ranking


def by_question(
    ranking: Mapping[str, Sequence[str]], qrels: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, float]]:
    """Of each query of `ranking`, the measures by name, of scores derived from the ranks alone.

    Rank-derived scores keep every provider of ir_measures from breaking ties its own way.
    """
    run = {
        query: {passage: float(-rank) for rank, passage in enumerate(passages)}
        for query, passages in ranking.items()
    }
    judged = {query: dict(qrels[query]) for query in ranking}
    found: dict[str, dict[str, float]] = {}
    for metric in ir_measures.iter_calc(MEASURES, judged, run):
        found.setdefault(metric.query_id, {})[str(metric.measure)] = float(metric.value)
    return found


def means(questions: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The measures' means over the questions."""
    names = [str(measure) for measure in MEASURES]
    return {name: round(fmean(each[name] for each in questions.values()), 4) for name in names}
