"""Common base of the components that rerank documents: the text to read, the traced step, the copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import Document

from langchain_pertinence.fields import SecretFields
from langchain_pertinence.tracing import atraced, tell, traced
from pertinence import InputError, OptionError, Ranking
from pertinence.components import RerankerFields
from pertinence.integration import Options, check_documents, check_fields, join_fields, own_metadata

__all__ = ["DocumentFields"]


class DocumentFields(SecretFields, RerankerFields):
    """Fields of a component that reranks documents.

    Attributes:
        threshold: keep scores greater than or equal to it, before `top_n` or `k`; None keeps all.
        metadata_fields: metadata that the model reads before a document's text, if it is not None.
        metadata_separator: separator between those metadata and the text.
    """

    threshold: float | None = None
    metadata_fields: list[str] | None = None
    metadata_separator: str = "\n"

    @classmethod
    def _check(cls, data: Mapping[str, Any], options: Options) -> None:
        super()._check(data, options)
        check_fields(data.get("metadata_fields"))
        _check_separator(data.get("metadata_separator", ""))

    def _step(
        self, options: Options, documents: Sequence[Document], query: str, callbacks: Callbacks, name: str
    ) -> list[Document]:
        """Return copies of the kept documents, best first.

        Every trace shows the step as a run with this name.
        """
        model = self._handle.reranker(options).model
        with traced(callbacks, query, name=name, model=model) as run:
            own = _check_documents(documents)
            ranking = self._handle.rank(options, query, own, text=self._reader())
            kept = _scored(ranking)
        tell(run, ranking)
        self._handle.log_notes(ranking)
        run.on_retriever_end(kept)
        return kept

    async def _astep(
        self, options: Options, documents: Sequence[Document], query: str, callbacks: Callbacks, name: str
    ) -> list[Document]:
        """Run `_step` without blocking the event loop and without a thread.

        Cancelling the task withdraws the request.
        """
        model = self._handle.reranker(options).model
        async with atraced(callbacks, query, name=name, model=model) as run:
            own = _check_documents(documents)
            ranking = await self._handle.arank(options, query, own, text=self._reader())
            kept = _scored(ranking)
        tell(run, ranking)
        self._handle.log_notes(ranking)
        await run.on_retriever_end(kept)
        return kept

    def _reader(self) -> Callable[[Any], Any]:
        """Return a function that reads the text of a document.

        It returns any other object unchanged: the core accepts strings and rejects the rest.
        """
        fields = check_fields(self.metadata_fields)
        separator = _check_separator(self.metadata_separator)

        def read(document: Any) -> Any:
            if not isinstance(document, Document):
                return document
            return join_fields(document.page_content, document.metadata, fields, separator)

        return read


def _check_separator(separator: object) -> str:
    if not isinstance(separator, str):
        raise OptionError(f"metadata_separator must be a string, got {separator!r}")
    return separator


def _check_documents(documents: Sequence[Document]) -> tuple[Document, ...]:
    own = check_documents(documents)
    for place, document in enumerate(own):
        if not isinstance(document, Document):
            raise InputError(f"document {place} must be a Document, not {type(document).__name__}")
    return own


def _scored(ranking: Ranking[Document]) -> list[Document]:
    return [
        item.document.model_copy(
            update={"metadata": {**own_metadata(item.document.metadata), "relevance_score": item.score}}
        )
        for item in ranking
    ]
