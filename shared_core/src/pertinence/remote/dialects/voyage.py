"""Voyage and its cousins: Cohere's request with other names for its fields, as a table."""

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
    """The renaming table.

    Attributes:
        documents: the field of the documents.
        wrapped: the field of a document's text, where documents are objects.
        count: the field that says how many to answer with, where the server would leave some out.
        results: the fields under which the entries may stand.
    """

    path: str = "/rerank"
    scale: Scale = "server"
    batch: int | None = 1000
    documents: str = "documents"
    wrapped: str | None = None
    count: str | None = None
    results: tuple[str, ...] = ("data", "results")

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Query and documents under the table's names."""
        texts: list[Any] = list(call.texts)
        if self.wrapped is not None:
            texts = [{"id": str(place), self.wrapped: text} for place, text in enumerate(texts)]
        fields: dict[str, Any] = {"query": call.query, self.documents: texts}
        if self.count is not None:
            fields[self.count] = len(texts)
        return with_model(call, fields)

    def read(self, content: Any, count: int) -> Float32:
        """Entries in any order."""
        return scattered(entries(content, self.results), count)


DIALECTS = (
    Renamed(name="voyage", cuts=True, extra={"return_documents": False, "truncation": True}),
    # Its top_k has a default, so the number of documents is said.
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
