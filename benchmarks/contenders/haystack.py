"""Haystack's `SentenceTransformersSimilarityRanker`, of sentence-transformers-haystack."""

from __future__ import annotations

from collections.abc import Sequence

from haystack import Document
from haystack.utils import ComponentDevice
from haystack_integrations.components.rankers.sentence_transformers import (
    SentenceTransformersSimilarityRanker,
)

from benchmarks.contenders.base import Contender

__all__ = ["Component", "opened"]


class Component(Contender[list[Document], list[Document]]):
    """`run`, keeping all, in batches of 16 rows, its own default."""

    def __init__(self, ranker: SentenceTransformersSimilarityRanker) -> None:
        super().__init__()
        self._ranker = ranker

    def documents(self, texts: Sequence[str]) -> list[Document]:
        """As a retriever gives them."""
        return [Document(id=str(place), content=text, score=0.5) for place, text in enumerate(texts)]

    def run(self, query: str, documents: list[Document]) -> list[Document]:
        """Its scores are scaled to probabilities by default."""
        found = self._ranker.run(query=query, documents=documents, top_k=len(documents))
        ranked: list[Document] = found["documents"]
        return ranked

    def values(self, result: list[Document]) -> list[float]:
        """Back in the order of the ids."""
        return [float(each.score or 0.0) for each in sorted(result, key=lambda each: int(each.id))]


def opened(folder: str, ours: str | None) -> Component:
    """The float32 weights of `folder`; `ours` is for us."""
    ranker = SentenceTransformersSimilarityRanker(
        model=folder, device=ComponentDevice.from_str("cpu"), token=None
    )
    ranker.warm_up()
    return Component(ranker)
