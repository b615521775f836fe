"""Rerank the first stage of the dev sets with a model as it ships, and say how it compares.

    python -m recipe.evaluate --to runs/first/figures.json [--model FOLDER] [--queries 200]

Without --model, the embedded default. Every figure is over all dev questions, those that the first stage
missed counted as 0, and again over those whose answer is among the candidates.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pertinence import Reranker
from recipe.data import Collection, load
from recipe.metrics import evaluate, first_stage_ranking, per_query, reranked

DEPTH = 20
SETS = {"piaf-fr": "BM25's first 20", "epqa-en": "the ten judged candidates, in random order"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="JSON file of the figures")
    parser.add_argument("--model", help="a model folder; without it, the embedded default")
    parser.add_argument("--queries", type=int, help="a seeded sample of so many questions a set")
    args = parser.parse_args()
    figures = {}
    with Reranker(args.model) as reranker:
        for name, candidates in SETS.items():
            data = load(name, "dev")
            queries = sorted(data.queries)
            if args.queries and args.queries < len(queries):
                queries = random.Random("evaluate").sample(queries, args.queries)
            figures[name] = {"candidates": candidates, **compare(reranker, data, queries)}
            print(name, json.dumps(figures[name]), flush=True)
    args.to.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def compare(reranker: Reranker, data: Collection, queries: Sequence[str]) -> dict[str, object]:
    """First stage and reranked, side by side."""
    before = first_stage_ranking(data, queries, DEPTH)
    after = reranked(data, queries, DEPTH, lambda query, texts: reranker.score(query, texts).tolist())
    found = [q for q in queries if any(data.qrels[q].get(p, 0) > 0 for p in before[q])]
    return {
        "queries": len(queries),
        "found": len(found),
        "first stage": _figures(before, data.qrels, found),
        "reranked": _figures(after, data.qrels, found),
        "difference of RR@10": _interval(per_query(before, data.qrels), per_query(after, data.qrels)),
    }


def _figures(
    ranking: Mapping[str, Sequence[str]], qrels: Mapping[str, Mapping[str, int]], found: Sequence[str]
) -> dict[str, dict[str, float]]:
    return {
        "all": evaluate(ranking, qrels),
        "found": evaluate({query: ranking[query] for query in found}, qrels),
    }


def _interval(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Mean difference with its 95% interval, by 10,000 bootstrap samples of the questions."""
    differences = np.array([after[query] - before[query] for query in before])
    draws = np.random.default_rng(0).integers(0, len(differences), (10_000, len(differences)))
    low, high = np.percentile(differences[draws].mean(axis=1), [2.5, 97.5])
    values = {"mean": differences.mean(), "low": low, "high": high}
    return {name: round(float(value), 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
