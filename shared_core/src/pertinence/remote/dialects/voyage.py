"""Dialects of Voyage, Mixedbread, Pinecone and Fireworks: Cohere's request with renamed fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pertinence.remote.dialects.base import Call, Dialect, Scale, with_model
from pertinence.remote.dialects.reading import entries, scattered
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "Renamed"]


@dataclass(frozen=True, kw_only=True)
class Renamed(Dialect):
    """Cohere-style dialect with other field names.

    Attributes:
        documents: name of the field for the documents.
        wrapped: name of the field for a document's text if documents are objects; None if they are strings.
        count: name of the field for the number of results, for servers that otherwise leave some out.
        results: possible names of the field that holds the entries.
    """

    path: str = "/rerank"
    scale: Scale = "server"
    batch: int | None = 1000
    documents: str = "documents"
    wrapped: str | None = None
    count: str | None = None
    results: tuple[str, ...] = ("data", "results")

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Return the query and the documents under the configured names."""
        texts: list[Any] = list(call.texts)
        if self.wrapped is not None:
            texts = [{"id": str(place), self.wrapped: text} for place, text in enumerate(texts)]
        fields: dict[str, Any] = {"query": call.query, self.documents: texts}
        if self.count is not None:
            fields[self.count] = len(texts)
        return with_model(call, fields)

    def read(self, content: Any, count: int) -> Float32:
        """Read entries in any order."""
        return scattered(entries(content, self.results), count)


DIALECTS = (
    Renamed(name="voyage", cuts=True, extra={"return_documents": False, "truncation": True}),
    # Mixedbread's top_k has a default, so the request always states the number of documents.
    Renamed(
        name="mixedbread",
        path="/reranking",
        documents="input",
        count="top_k",
        extra={"return_input": False},
    ),
    Renamed(name="pinecone", wrapped="text", auth="Api-Key: {}", extra={"return_documents": False}),
    Renamed(name="fireworks"),
)
