"""Selection of the documents to rank, and conversion of a ranking to Haystack's output."""

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
    """Keep one document per id: the one with the highest score, at the position of the first with that id."""
    best: dict[str, Candidate] = {}
    for document, text in given:
        rival = best.get(document.id)
        if rival is None or _score(document) > _score(rival[0]):
            best[document.id] = (document, text)
    return list(best.values())


def answer(ranking: Ranking[Candidate], options: Options, given: int) -> dict[str, Any]:
    """
    Return the output of a ranker: copies of the kept documents with their score, and metadata of the run.

    :param options: Options of this run.
    :param given: Number of input documents, duplicates included.
    """
    return {
        "documents": [_scored(item.document[0], item.score) for item in ranking],
        "meta": {
            "model": ranking.model,
            "score_kind": ranking.score_kind,
            # Reasons why the output may hold fewer documents than the input.
            "scored": ranking.total,
            "duplicates": given - ranking.total,
            "score_threshold": options.threshold,
            "top_k": options.top_k,
            # Changes made to the texts.
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
