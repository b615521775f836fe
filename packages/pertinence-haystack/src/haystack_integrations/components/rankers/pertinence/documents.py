"""Which of Haystack's documents are ranked, and what becomes of a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from haystack import Document

from pertinence import Ranking
from pertinence.integration import Options, own_metadata

__all__ = ["Candidate", "answer", "candidates"]

Candidate = tuple[Document, str]


def candidates(given: Sequence[Candidate]) -> list[Candidate]:
    """Of documents that share an id, the one with the highest score, at the place of the first."""
    best: dict[str, Candidate] = {}
    for document, text in given:
        rival = best.get(document.id)
        if rival is None or _score(document) > _score(rival[0]):
            best[document.id] = (document, text)
    return list(best.values())


def answer(ranking: Ranking[Candidate], options: Options, given: int) -> dict[str, Any]:
    """
    What a ranker gives out: copies of the kept documents with their score, and what is known of the run.

    :param options: What was asked of this run.
    :param given: How many documents came in, duplicates included.
    """
    return {
        "documents": [_scored(item.document[0], item.score) for item in ranking],
        "meta": {
            "model": ranking.model,
            "score_kind": ranking.score_kind,
            # Why fewer documents may come out than went in.
            "scored": ranking.total,
            "duplicates": given - ranking.total,
            "score_threshold": options.threshold,
            "top_k": options.top_k,
            # What was done to the texts.
            "truncated": ranking.truncated,
            "query_truncated": ranking.query_truncated,
            "empty": ranking.empty,
            "repaired": ranking.repaired,
            "usage": dict(ranking.usage),
        },
    }


def _scored(document: Document, score: float) -> Document:
    return replace(document, score=score, meta=own_metadata(document.meta))


def _score(document: Document) -> float:
    return float("-inf") if document.score is None else document.score
