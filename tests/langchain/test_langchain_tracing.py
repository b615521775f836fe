"""The rerank step in LangChain's traces: where it hangs, how it ends, what it tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import create_autospec

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client

from langchain_pertinence import PertinenceRerank, PertinenceRetriever
from pertinence import InputError, ModelError
from pertinence.testing import FakeScorer
from support.langchain import AsyncRecorder, FirstStage, Recorder

pytestmark = pytest.mark.usefixtures("made")


COUNTS = {"score_kind": "probability", "given": 3, "kept": 2, "truncated": 1, "empty": 0, "repaired": 0}


@pytest.fixture(params=[ContextualCompressionRetriever, PertinenceRetriever], ids=lambda each: each.__name__)
def retriever(request: pytest.FixtureRequest, documents: list[Document]) -> BaseRetriever:
    """LangChain's own retriever with our compressor in it, and ours."""
    first = FirstStage(documents=documents)
    if request.param is PertinenceRetriever:
        return PertinenceRetriever(retriever=first, k=2)
    return ContextualCompressionRetriever(base_compressor=PertinenceRerank(top_n=2), base_retriever=first)


def nested(outer: str) -> dict[str, str | None]:
    return {outer: None, "FirstStage": outer, "PertinenceRerank": outer}


def ends(outer: str) -> list[tuple[str, list[str]]]:
    return [
        ("FirstStage", ["taxes", "mill", "flood"]),
        ("PertinenceRerank", ["mill", "flood"]),
        (outer, ["mill", "flood"]),
    ]


def test_the_step_is_a_run_under_the_retriever(retriever: BaseRetriever, query: str) -> None:
    recorder = Recorder()
    retriever.invoke(query, {"callbacks": [recorder]})
    assert recorder.parents() == nested(retriever.get_name())
    assert recorder.ended == ends(retriever.get_name())


def test_the_asynchronous_step_is_a_run_under_the_retriever(retriever: BaseRetriever, query: str) -> None:
    recorder = AsyncRecorder()
    asyncio.run(retriever.ainvoke(query, {"callbacks": [recorder]}))
    assert recorder.parents() == nested(retriever.get_name())
    assert recorder.ended == ends(retriever.get_name())


def test_the_step_tells_its_model_and_no_one_elses(retriever: BaseRetriever, query: str) -> None:
    recorder = Recorder()
    retriever.invoke(query, {"callbacks": [recorder]})
    assert recorder.metadata["PertinenceRerank"]["ls_model_name"] == "fake"
    assert recorder.metadata["PertinenceRerank"]["ls_provider"] == "pertinence"
    assert "ls_model_name" not in recorder.metadata[retriever.get_name()]


def test_langsmith_is_told_model_counts_and_scores(
    retriever: BaseRetriever, query: str, scorer: FakeScorer
) -> None:
    scorer.max_words = 5
    for run in (lambda config: retriever.invoke(query, config), asynchronously(retriever, query)):
        client = create_autospec(Client, instance=True, tracing_queue=None)
        run({"callbacks": [LangChainTracer(client=client)]})
        told = {each.kwargs["name"]: each.kwargs for each in client.update_run.call_args_list}
        step, parent = told["PertinenceRerank"], told[retriever.get_name()]
        assert step["parent_run_id"] == parent["run_id"]
        assert step["run_type"] == "retriever"
        assert step["extra"]["metadata"]["ls_model_name"] == "fake"
        assert {name: step["extra"]["metadata"][name] for name in COUNTS} == COUNTS
        scores = [each.metadata["relevance_score"] for each in step["outputs"]["documents"]]
        assert scores == sorted(scores, reverse=True)
        assert {type(score) for score in scores} == {float}
        assert not set(COUNTS) & set(parent["extra"]["metadata"])


def test_streamed_events_show_the_step(retriever: BaseRetriever, query: str, scorer: FakeScorer) -> None:
    async def main() -> list[Any]:
        return [event async for event in retriever.astream_events(query, version="v2")]

    scorer.max_words = 5
    events = asyncio.run(main())
    step = [event for event in events if event["name"] == "PertinenceRerank"]
    assert [event["event"] for event in step] == ["on_retriever_start", "on_retriever_end"]
    assert step[0]["parent_ids"] == [events[0]["run_id"]]
    assert step[0]["metadata"]["ls_model_name"] == "fake"
    assert {name: step[1]["metadata"][name] for name in COUNTS} == COUNTS
    assert [each.id for each in step[1]["data"]["output"]] == ["mill", "flood"]
    assert all(each.metadata["relevance_score"] > 0 for each in step[1]["data"]["output"])


def test_texts_that_were_cut_are_told_in_the_log(
    documents: list[Document], query: str, scorer: FakeScorer, caplog: pytest.LogCaptureFixture
) -> None:
    scorer.max_words = 5
    with caplog.at_level(logging.WARNING):
        PertinenceRerank().compress_documents(documents, query)
    assert "1 of 3 was cut to fit the model" in caplog.text


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


def asynchronously(retriever: BaseRetriever, query: str) -> Callable[[RunnableConfig], list[Document]]:
    return lambda config: asyncio.run(retriever.ainvoke(query, config))
