"""The rerank step as LlamaIndex tells of it: events, spans and callbacks, on both paths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler
from llama_index.core.instrumentation.dispatcher import instrument_tags
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index.postprocessor.pertinence import PertinenceRerank
from pertinence import InputError, ModelError
from pertinence.testing import FakeScorer

pytestmark = pytest.mark.usefixtures("made")

Door = Callable[[PertinenceRerank, list[NodeWithScore], str], list[NodeWithScore]]


class FirstStage(BaseRetriever):
    """Gives back all it has, in the order it has it."""

    def __init__(self, nodes: list[NodeWithScore]) -> None:
        super().__init__()
        self.nodes = nodes

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.nodes


@pytest.fixture
def debug() -> LlamaDebugHandler:
    return LlamaDebugHandler(print_trace_on_end=False)


def run(reranker: PertinenceRerank, nodes: list[NodeWithScore], query: str) -> list[NodeWithScore]:
    return reranker.postprocess_nodes(nodes, query_str=query)


def arun(reranker: PertinenceRerank, nodes: list[NodeWithScore], query: str) -> list[NodeWithScore]:
    return asyncio.run(reranker.apostprocess_nodes(nodes, query_str=query))


both_doors = pytest.mark.parametrize(
    ("door", "span"), [(run, "_postprocess_nodes"), (arun, "_apostprocess_nodes")], ids=["sync", "async"]
)


def names(spans: list[Any]) -> list[str]:
    return [span.id_.rsplit("-", 5)[0] for span in spans]


@both_doors
def test_events_tell_of_the_step(
    door: Door, span: str, nodes: list[NodeWithScore], query: str, recorder: Any
) -> None:
    kept = door(PertinenceRerank(top_n=2), nodes, query)
    start, end = recorder.events
    assert isinstance(start, ReRankStartEvent)
    assert (start.query, start.top_n, start.model_name) == (query, 2, "fake")
    assert [found.score for found in start.nodes] == [0.5, 0.4, 0.3]
    assert isinstance(end, ReRankEndEvent)
    assert end.nodes == kept


@both_doors
def test_without_a_top_n_events_tell_how_many_nodes_there_are(
    door: Door, span: str, nodes: list[NodeWithScore], query: str, recorder: Any
) -> None:
    door(PertinenceRerank(), nodes, query)
    door(PertinenceRerank(), [], query)
    assert [event.top_n for event in recorder.events if isinstance(event, ReRankStartEvent)] == [3, 0]


@both_doors
def test_events_lie_in_one_span_of_the_step(
    door: Door,
    span: str,
    nodes: list[NodeWithScore],
    query: str,
    recorder: Any,
    spans: SimpleSpanHandler,
) -> None:
    door(PertinenceRerank(), nodes, query)
    assert names(spans.completed_spans) == [f"PertinenceRerank.{span}"]
    assert {event.span_id for event in recorder.events} == {spans.completed_spans[0].id_}


@both_doors
def test_an_error_drops_the_span_and_ends_the_callback(
    door: Door,
    span: str,
    nodes: list[NodeWithScore],
    query: str,
    scorer: FakeScorer,
    recorder: Any,
    spans: SimpleSpanHandler,
    debug: LlamaDebugHandler,
) -> None:
    reranker = PertinenceRerank(callback_manager=CallbackManager([debug]))
    scorer.error = ModelError("no weights")
    with pytest.raises(ModelError):
        door(reranker, nodes, query)
    assert names(spans.dropped_spans) == [f"PertinenceRerank.{span}"]
    assert [type(event) for event in recorder.events] == [ReRankStartEvent]
    ((_, end),) = debug.get_event_pairs(CBEventType.RERANKING)
    assert end.payload == {EventPayload.EXCEPTION: scorer.error}


@both_doors
def test_a_query_that_is_refused_begins_no_step(
    door: Door, span: str, nodes: list[NodeWithScore], recorder: Any
) -> None:
    with pytest.raises(InputError):
        door(PertinenceRerank(), nodes, " ")
    assert recorder.events == []


@both_doors
def test_callbacks_tell_of_the_step(
    door: Door, span: str, nodes: list[NodeWithScore], query: str, debug: LlamaDebugHandler
) -> None:
    kept = door(PertinenceRerank(top_n=2, callback_manager=CallbackManager([debug])), nodes, query)
    ((start, end),) = debug.get_event_pairs(CBEventType.RERANKING)
    assert start.payload == {
        EventPayload.NODES: nodes,
        EventPayload.MODEL_NAME: "fake",
        EventPayload.QUERY_STR: query,
        EventPayload.TOP_K: 2,
    }
    assert end.payload is not None
    assert end.payload[EventPayload.NODES] == kept


@both_doors
def test_the_end_tells_what_the_scores_are_and_what_was_done_to_the_texts(
    door: Door,
    span: str,
    nodes: list[NodeWithScore],
    query: str,
    scorer: FakeScorer,
    recorder: Any,
    debug: LlamaDebugHandler,
) -> None:
    scorer.max_words = 7
    blank = NodeWithScore(node=TextNode(text=" "))
    reranker = PertinenceRerank(
        top_n=3, threshold=0.5, score_kind="logit", callback_manager=CallbackManager([debug])
    )
    with instrument_tags({"request": 7}):
        door(reranker, [*nodes, blank], query)
    told = {
        "pertinence.score_kind": "logit",
        "pertinence.given": 4,
        "pertinence.kept": 2,
        "pertinence.threshold": 0.5,
        "pertinence.truncated": 1,
        "pertinence.empty": 1,
        "pertinence.repaired": 0,
        "pertinence.query_truncated": False,
        "pertinence.usage": {},
    }
    assert recorder.events[1].tags == {**told, "request": 7}
    ((_, end),) = debug.get_event_pairs(CBEventType.RERANKING)
    assert end.payload is not None
    assert end.payload[EventPayload.ADDITIONAL_KWARGS] == told


@both_doors
def test_what_rescores_in_place_afterwards_changes_no_event(
    door: Door,
    span: str,
    nodes: list[NodeWithScore],
    query: str,
    recorder: Any,
    debug: LlamaDebugHandler,
) -> None:
    kept = door(PertinenceRerank(callback_manager=CallbackManager([debug])), nodes, query)
    scores = [found.score for found in kept]
    for found in (*nodes, *kept):
        found.score = -1.0
    start, end = recorder.events
    ((began, ended),) = debug.get_event_pairs(CBEventType.RERANKING)
    assert began.payload is not None
    assert ended.payload is not None
    for told in (start.nodes, began.payload[EventPayload.NODES]):
        assert [found.score for found in told] == [0.5, 0.4, 0.3]
    for told in (end.nodes, ended.payload[EventPayload.NODES]):
        assert [found.score for found in told] == scores


@both_doors
def test_a_step_that_nobody_listens_to_tells_nothing(
    door: Door, span: str, nodes: list[NodeWithScore], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(CallbackManager, "on_event_start", lambda *_, **__: told.append("callback"))
    monkeypatch.setattr(ReRankStartEvent, "__init__", lambda *_, **__: told.append("event"))
    assert len(door(PertinenceRerank(), nodes, query)) == 3
    assert told == []


@both_doors
def test_a_subclass_has_one_span_too(
    door: Door, span: str, nodes: list[NodeWithScore], query: str, spans: SimpleSpanHandler
) -> None:
    class Mine(PertinenceRerank):
        """Adds nothing."""

    door(Mine(), nodes, query)
    assert names(spans.completed_spans) == [f"Mine.{span}"]


@both_doors
def test_no_callback_manager_is_one_that_nobody_listens_to(
    door: Door, span: str, nodes: list[NodeWithScore], query: str
) -> None:
    kept = door(PertinenceRerank(top_n=2, callback_manager=None), nodes, query)  # type: ignore[arg-type]
    assert len(kept) == 2


@pytest.mark.parametrize("door", ["query", "aquery"])
def test_the_step_is_told_to_the_engines_callbacks(
    nodes: list[NodeWithScore], query: str, spans: SimpleSpanHandler, debug: LlamaDebugHandler, door: str
) -> None:
    engine = RetrieverQueryEngine.from_args(
        FirstStage(nodes),
        llm=MockLLM(),
        node_postprocessors=[PertinenceRerank()],
        callback_manager=CallbackManager([debug]),
    )
    if door == "query":
        engine.query(query)
    else:
        asyncio.run(engine.aquery(query))
    assert len(debug.get_event_pairs(CBEventType.RERANKING)) == 1
    parents = {span.id_.rsplit("-", 5)[0]: span.parent_id for span in spans.completed_spans}
    step = {"query": "_postprocess_nodes", "aquery": "_apostprocess_nodes"}[door]
    assert parents[f"PertinenceRerank.{step}"].startswith(f"RetrieverQueryEngine._{door}")


def test_a_cancelled_task_ends_its_callback_and_its_span(
    nodes: list[NodeWithScore],
    query: str,
    scorer: FakeScorer,
    spans: SimpleSpanHandler,
    debug: LlamaDebugHandler,
) -> None:
    async def main() -> None:
        with scorer.held():
            task = asyncio.create_task(reranker.apostprocess_nodes(nodes, query_str=query))
            while not scorer.requests:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    reranker = PertinenceRerank(callback_manager=CallbackManager([debug]))
    asyncio.run(main())
    assert len(debug.get_event_pairs(CBEventType.RERANKING)) == 1
    assert names(spans.dropped_spans) == ["PertinenceRerank._apostprocess_nodes"]
    assert not spans.open_spans
