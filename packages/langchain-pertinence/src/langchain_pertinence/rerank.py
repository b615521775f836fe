"""`PertinenceRerank`: document reranker for `ContextualCompressionRetriever` or standalone use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document

from langchain_pertinence.documents import DocumentFields
from pertinence import Ranking

__all__ = ["PertinenceRerank"]


class PertinenceRerank(DocumentFields, BaseDocumentCompressor):
    """Document compressor that puts documents in order of relevance to a query and keeps the best.

    The model is loaded on first use and shared with every other component of this process that names the same
    model. One instance may serve any number of threads and event loops at once.

        reranker = PertinenceRerank(top_n=3)
        retriever = ContextualCompressionRetriever(base_compressor=reranker, base_retriever=retriever)

    Attributes:
        top_n: how many documents to keep, after `threshold`; None keeps all.
    """

    top_n: int | None = None

    _words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Return copies of the kept documents, best first, with their score in `metadata["relevance_score"]`.

        Every trace shows the step as a retriever run of its own. The run holds the model's name, how many
        documents were given, kept and truncated, and the kept documents with their scores.

        Raises:
            InputError: the query is empty, or a document has no text.
            ModelError: the model cannot be found or loaded.
            EndpointError: the server cannot be reached, rejects the request, or fails.
        """
        return self._step(self._options(), documents, query, callbacks, type(self).__name__)

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Run `compress_documents` without blocking the event loop and without a thread.

        Cancelling the task withdraws the request.
        """
        return await self._astep(self._options(), documents, query, callbacks, type(self).__name__)

    def rerank(
        self,
        documents: Sequence[str | Document],
        query: str,
        *,
        top_n: int | None = None,
        threshold: float | None = None,
    ) -> list[dict[str, Any]]:
        """Return only the order and the scores: `{"index": 4, "relevance_score": 0.93}` per kept document.

        Args:
            documents: texts or documents; `index` is the index in this list, from 0.
            query: the query.
            top_n: how many to keep; None takes the component's own.
            threshold: keep scores greater than or equal to it; None takes the component's own.
        """
        options = self._options(top_n=top_n, threshold=threshold)
        return self._plain(self._handle.rank(options, query, documents, text=self._reader()))

    async def arerank(
        self,
        documents: Sequence[str | Document],
        query: str,
        *,
        top_n: int | None = None,
        threshold: float | None = None,
    ) -> list[dict[str, Any]]:
        """Run `rerank` without blocking the event loop."""
        options = self._options(top_n=top_n, threshold=threshold)
        return self._plain(await self._handle.arank(options, query, documents, text=self._reader()))

    def _plain(self, ranking: Ranking[str | Document]) -> list[dict[str, Any]]:
        # The result cannot carry notes on the texts (truncated, empty, repaired), so they are logged.
        self._handle.log_notes(ranking)
        return [{"index": item.index, "relevance_score": item.score} for item in ranking]
