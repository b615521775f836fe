"""The rerank step in LangChain's traces: where it hangs, how it ends, what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda

from langchain_pertinence import PertinenceRerank
from pertinence import InputError, ModelError
from pertinence.testing import FakeScorer

pytestmark = pytest.mark.usefixtures("made")


class FirstStage(BaseRetriever):
    """Gives back all it has, in the order it has it."""

    documents: list[Document]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
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


NESTED = {
    "ContextualCompressionRetriever": None,
    "FirstStage": "ContextualCompressionRetriever",
    "PertinenceRerank": "ContextualCompressionRetriever",
}
ENDS = [
    ("FirstStage", ["taxes", "mill", "flood"]),
    ("PertinenceRerank", ["mill", "flood"]),
    ("ContextualCompressionRetriever", ["mill", "flood"]),
]


@pytest.fixture
def retriever(documents: list[Document]) -> ContextualCompressionRetriever:
    return ContextualCompressionRetriever(
        base_compressor=PertinenceRerank(top_n=2), base_retriever=FirstStage(documents=documents)
    )


def test_the_step_is_a_run_under_the_retriever(retriever: BaseRetriever, query: str) -> None:
    recorder = Recorder()
    retriever.invoke(query, {"callbacks": [recorder]})
    assert recorder.parents() == NESTED
    assert recorder.ended == ENDS


def test_the_asynchronous_step_is_a_run_under_the_retriever(retriever: BaseRetriever, query: str) -> None:
    recorder = AsyncRecorder()
    asyncio.run(retriever.ainvoke(query, {"callbacks": [recorder]}))
    assert recorder.parents() == NESTED
    assert recorder.ended == ENDS


def test_the_step_tells_its_model_and_no_one_elses(retriever: BaseRetriever, query: str) -> None:
    recorder = Recorder()
    retriever.invoke(query, {"callbacks": [recorder]})
    assert recorder.metadata["PertinenceRerank"]["ls_model_name"] == "fake"
    assert recorder.metadata["PertinenceRerank"]["ls_provider"] == "pertinence"
    assert "ls_model_name" not in recorder.metadata["ContextualCompressionRetriever"]


def test_streamed_events_show_the_step(retriever: BaseRetriever, query: str) -> None:
    async def main() -> list[Any]:
        return [event async for event in retriever.astream_events(query, version="v2")]

    events = asyncio.run(main())
    step = [event for event in events if event["name"] == "PertinenceRerank"]
    assert [event["event"] for event in step] == ["on_retriever_start", "on_retriever_end"]
    assert step[0]["parent_ids"] == [events[0]["run_id"]]
    assert [each.id for each in step[1]["data"]["output"]] == ["mill", "flood"]


def test_without_callbacks_the_step_hangs_under_the_chain_that_calls_it(
    documents: list[Document], query: str
) -> None:
    def step(text: str) -> list[Document]:
        return PertinenceRerank().compress_documents(documents, text)

    recorder = Recorder()
    RunnableLambda(step, name="step").invoke(query, {"callbacks": [recorder]})
    assert recorder.parents() == {"step": None, "PertinenceRerank": "step"}


def test_without_callbacks_the_asynchronous_step_hangs_under_the_chain_that_calls_it(
    documents: list[Document], query: str
) -> None:
    async def step(text: str) -> list[Document]:
        return await PertinenceRerank().acompress_documents(documents, text)

    recorder = Recorder()
    asyncio.run(RunnableLambda(step, name="step").ainvoke(query, {"callbacks": [recorder]}))
    assert recorder.parents() == {"step": None, "PertinenceRerank": "step"}


def test_an_error_ends_the_run(documents: list[Document], query: str, scorer: FakeScorer) -> None:
    recorder, reranker = Recorder(), PertinenceRerank()
    scorer.error = ModelError("no weights")
    with pytest.raises(ModelError):
        reranker.compress_documents(documents, query, callbacks=[recorder])
    with pytest.raises(ModelError):
        asyncio.run(reranker.acompress_documents(documents, query, callbacks=[recorder]))
    with pytest.raises(InputError):
        reranker.compress_documents(documents, "", callbacks=[recorder])
    assert recorder.ended == [("PertinenceRerank", each) for each in (ModelError, ModelError, InputError)]


def test_a_cancelled_task_ends_its_run(documents: list[Document], query: str, scorer: FakeScorer) -> None:
    async def main() -> None:
        reranker = PertinenceRerank()
        with scorer.held():
            task = asyncio.create_task(reranker.acompress_documents(documents, query, callbacks=[recorder]))
            await asyncio.wrap_future(scorer.taken(1))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    recorder = AsyncRecorder()
    asyncio.run(main())
    assert recorder.ended == [("PertinenceRerank", asyncio.CancelledError)]
