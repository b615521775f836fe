"""From Haystack's documents to texts to score, and from a ranking back to documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from haystack import Document

from haystack_integrations.common.pertinence import text_with_meta
from pertinence import Ranking
from pertinence.integration import extract_texts

__all__ = ["Candidate", "answer", "candidates"]

Candidate = tuple[Document, str]


def candidates(documents: Sequence[Document], meta_fields: Sequence[str], separator: str) -> list[Candidate]:
    """Each document with its text; of those that share an id, the one with the highest score.

    :param documents: In the order of the first stage, which is kept.
    :param meta_fields: Metadata that is put before the content.
    :param separator: What stands between them.
    :raises InputError: A document has no text; the message names its place among `documents`.
    """
    texts = extract_texts(documents, lambda document: text_with_meta(document, meta_fields, separator))
    best: dict[str, Candidate] = {}
    for document, text in zip(documents, texts, strict=True):
        rival = best.get(document.id)
        if rival is None or _score(document) > _score(rival[0]):
            best[document.id] = (document, text)
    return list(best.values())


def answer(ranking: Ranking[Candidate], *, duplicates: int) -> dict[str, Any]:
    """What a ranker gives out: copies of the documents with their score, and what is known of the run."""
    return {
        "documents": [_scored(item.document[0], item.score) for item in ranking],
        "meta": {
            "model": ranking.model,
            "score_kind": ranking.score_kind,
            "truncated": ranking.truncated,
            "empty": ranking.empty,
            "repaired": ranking.repaired,
            "duplicates": duplicates,
        },
    }


def _scored(document: Document, score: float) -> Document:
    return replace(document, score=score, meta={**document.meta})


def _score(document: Document) -> float:
    return float("-inf") if document.score is None else document.score
