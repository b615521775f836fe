"""From Haystack's documents to what is ranked, and from a ranking back to documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from haystack import Document

from haystack_integrations.common.pertinence import texts_of
from pertinence import Ranking
from pertinence.integration import Options

__all__ = ["Candidate", "answer", "candidates"]

Candidate = tuple[Document, str]


def candidates(
    documents: Sequence[Document], fields: Sequence[str] | None, separator: str
) -> list[Candidate]:
    """
    Each document with its text; of those that share an id, the one with the highest score.

    :param documents: In the order of the first stage, which is kept.
    :param fields: Metadata that is put before the content.
    :param separator: What stands between them.
    :raises InputError: A document has no text; the message names its place among `documents`.
    """
    texts = texts_of(documents, fields, separator)
    best: dict[str, Candidate] = {}
    for document, text in zip(documents, texts, strict=True):
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
    return replace(document, score=score, meta={**document.meta})


def _score(document: Document) -> float:
    return float("-inf") if document.score is None else document.score
