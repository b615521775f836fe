"""What tests of LangChain share: a first stage without a store, and handlers that keep what they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import (
    AsyncCallbackHandler,
    AsyncCallbackManagerForRetrieverRun,
    BaseCallbackHandler,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

__all__ = ["AsyncRecorder", "FirstStage", "Recorder"]


class FirstStage(BaseRetriever):
    """Gives back all it has, in the order it has it; natively in both worlds."""

    documents: list[Document]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self.documents

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self.documents


class Runs:
    """Keeps each run's name, parent and metadata, and how it ended."""

    def __init__(self) -> None:
        self.started: dict[UUID, tuple[str, UUID | None]] = {}
        self.metadata: dict[str, dict[str, Any]] = {}
        self.ended: list[tuple[str, Any]] = []

    def start(self, run: Mapping[str, Any]) -> None:
        self.started[run["run_id"]] = (run["name"], run["parent_run_id"])
        self.metadata[run["name"]] = run["metadata"] or {}

    def end(self, run: Mapping[str, Any], result: Any) -> None:
        self.ended.append((self.started[run["run_id"]][0], result))

    def parents(self) -> dict[str, str | None]:
        """Each run's parent, by name."""
        return {name: self.started[parent][0] if parent else None for name, parent in self.started.values()}


class Recorder(Runs, BaseCallbackHandler):
    """For handlers that are called."""

    def on_chain_start(self, serialized: Any, inputs: Any, **run: Any) -> None:
        self.start(run)

    def on_tool_start(self, serialized: Any, input_str: str, **run: Any) -> None:
        self.start({**run, "name": serialized["name"]})

    def on_retriever_start(self, serialized: Any, query: Any, **run: Any) -> None:
        self.start(run)

    def on_retriever_end(self, documents: Sequence[Document], **run: Any) -> None:
        self.end(run, [document.id for document in documents])

    def on_retriever_error(self, error: BaseException, **run: Any) -> None:
        self.end(run, type(error))


class AsyncRecorder(Runs, AsyncCallbackHandler):
    """For handlers that are awaited."""

    async def on_retriever_start(self, serialized: Any, query: Any, **run: Any) -> None:
        self.start(run)

    async def on_retriever_end(self, documents: Sequence[Document], **run: Any) -> None:
        self.end(run, [document.id for document in documents])

    async def on_retriever_error(self, error: BaseException, **run: Any) -> None:
        self.end(run, type(error))
