"""LangChain's `CrossEncoderReranker` over sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_classic.retrievers.document_compressors import CrossEncoderReranker
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import Document
from sentence_transformers import CrossEncoder

from benchmarks.contenders.base import Contender
from benchmarks.contenders.predict import loaded

__all__ = ["Compressor", "opened"]

# The reranker gives documents back and drops the scores, so they are read where they pass.
Ranked = tuple[Sequence[Document], Sequence[float]]


class OverSentenceTransformers(BaseCrossEncoder):
    """What `HuggingFaceCrossEncoder` of the discontinued langchain-community consists of."""

    def __init__(self, client: CrossEncoder) -> None:
        self.client = client
        self.last: Sequence[float] = []

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        """One float32 for each pair."""
        scores: Any = self.client.predict(text_pairs)
        self.last = scores
        return scores  # type: ignore[no-any-return]


class Compressor(Contender[list[Document], Ranked]):
    """`compress_documents`, keeping all."""

    def __init__(self, model: OverSentenceTransformers) -> None:
        super().__init__()
        self._model = model

    def documents(self, texts: Sequence[str]) -> list[Document]:
        """As a loader gives them."""
        return [Document(page_content=text, id=str(place)) for place, text in enumerate(texts)]

    def run(self, query: str, documents: list[Document]) -> Ranked:
        """It sorts too, but that takes no time worth speaking of."""
        reranker = CrossEncoderReranker(model=self._model, top_n=len(documents))
        return reranker.compress_documents(documents, query), self._model.last

    def values(self, result: Ranked) -> list[float]:
        """In the order of the pairs, which is that of the documents."""
        return [float(each) for each in result[1]]


def opened(folder: str, ours: str | None) -> Compressor:
    """The float32 weights of `folder`; `ours` is for us."""
    return Compressor(OverSentenceTransformers(loaded(folder, "float32")))
