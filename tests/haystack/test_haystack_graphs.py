"""`PertinenceRanker` in the graphs that people build: branches, joiners, samplers, through every door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.components.samplers import TopPSampler
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.tools import ComponentTool

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence.integration import Options
from pertinence.testing import FakeScorer

pytestmark = pytest.mark.usefixtures("made")

Door = Callable[[Pipeline, dict[str, Any]], dict[str, Any]]


def run(pipeline: Pipeline, data: dict[str, Any]) -> dict[str, Any]:
    return pipeline.run(data)


def run_async(pipeline: Pipeline, data: dict[str, Any]) -> dict[str, Any]:
    return asyncio.run(pipeline.run_async(data))


def run_async_generator(pipeline: Pipeline, data: dict[str, Any]) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        return [partial async for partial in pipeline.run_async_generator(data)][-1]

    return asyncio.run(main())


def stream(pipeline: Pipeline, data: dict[str, Any]) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        handle = pipeline.stream(data)
        assert [chunk async for chunk in handle] == []  # nothing here speaks in chunks
        return handle.result

    return asyncio.run(main())


@pytest.fixture(params=[run, run_async, run_async_generator, stream], ids=lambda door: door.__name__)
def door(request: pytest.FixtureRequest) -> Door:
    each: Door = request.param
    return each


def hybrid(documents: list[Document], *, joined: bool = True) -> Pipeline:
    """Words and vectors, found in parallel, and one ranker for both; without a joiner, of both lists."""
    store = InMemoryDocumentStore()
    store.write_documents(
        [
            Document(id=each.id, content=each.content, embedding=[float(place), 1.0])
            for place, each in enumerate(documents)
        ]
    )
    pipeline = Pipeline()
    pipeline.add_component("words", InMemoryBM25Retriever(store, top_k=2))
    pipeline.add_component("vectors", InMemoryEmbeddingRetriever(store, top_k=3))
    pipeline.add_component("ranker", PertinenceRanker())
    target = "ranker.documents"
    if joined:
        pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
        pipeline.connect("joiner.documents", target)
        target = "joiner.documents"
    for branch in ("words", "vectors"):
        pipeline.connect(f"{branch}.documents", target)
    return pipeline


def asked(query: str) -> dict[str, Any]:
    vector = {"query_embedding": [2.0, 1.0]}
    return {"words": {"query": query}, "vectors": vector, "ranker": {"query": query}}


def test_what_two_branches_found_is_ranked_as_one_list(
    documents: list[Document], query: str, door: Door
) -> None:
    output = door(hybrid(documents), asked(query))["ranker"]
    assert [document.id for document in output["documents"]] == ["mill", "flood", "taxes"]
    assert (output["meta"]["scored"], output["meta"]["duplicates"]) == (3, 0)


def test_without_a_joiner_the_ranker_scores_each_document_once(
    documents: list[Document], query: str, door: Door, scorer: FakeScorer
) -> None:
    output = door(hybrid(documents, joined=False), asked(query))["ranker"]
    assert [document.id for document in output["documents"]] == ["mill", "flood", "taxes"]
    assert (output["meta"]["scored"], output["meta"]["duplicates"]) == (3, 2)
    assert scorer.rows == 3


def test_a_sampler_takes_the_scores(documents: list[Document], query: str, door: Door) -> None:
    pytest.importorskip("torch", reason="Haystack's sampler computes with it")
    pipeline = hybrid(documents)
    pipeline.add_component("sampler", TopPSampler(top_p=0.75))
    pipeline.connect("ranker.documents", "sampler.documents")
    data = asked(query)
    data["ranker"]["scale_score"] = False
    kept = door(pipeline, data)["sampler"]["documents"]
    assert [document.id for document in kept] == ["mill"]


def test_rankers_of_parallel_branches_work_at_the_same_time(
    documents: list[Document], query: str, scorer: FakeScorer, made: list[Options]
) -> None:
    async def main() -> dict[str, Any]:
        with scorer.held():
            task = asyncio.create_task(pipeline.run_async(data))
            await asyncio.wrap_future(scorer.taken(2))  # the second did not wait for the first
        return await task

    pipeline = Pipeline()
    pipeline.add_component("strict", PertinenceRanker(score_threshold=0.8))
    pipeline.add_component("loose", PertinenceRanker(top_k=2, scale_score=False))
    data = {name: {"query": query, "documents": documents} for name in ("strict", "loose")}
    output = asyncio.run(main())
    found = {name: [document.id for document in each["documents"]] for name, each in output.items()}
    assert found == {"strict": ["mill"], "loose": ["mill", "flood"]}
    assert len(made) == 2


def test_the_sockets_of_both_doors_are_the_same() -> None:
    ranker: Any = PertinenceRanker()
    assert ranker.__haystack_supports_async__
    inputs = {name: socket.is_mandatory for name, socket in ranker.__haystack_input__._sockets_dict.items()}
    assert inputs == {
        "query": True,
        "documents": True,
        "top_k": False,
        "scale_score": False,
        "score_threshold": False,
    }
    outputs = {name: socket.type for name, socket in ranker.__haystack_output__._sockets_dict.items()}
    assert outputs == {"documents": list[Document], "meta": dict[str, Any]}


def test_an_agent_may_call_it_as_a_tool(query: str) -> None:
    tool = ComponentTool(PertinenceRanker(top_k=1), name="rank", description="Finds what answers best.")
    described = tool.parameters["properties"]
    assert described["query"]["description"] == "The query."
    passages = [{"content": "Taxes are due in May"}, {"content": "an old mill on the river"}]
    output = tool.invoke(query=query, documents=passages)
    assert [document.content for document in output["documents"]] == ["an old mill on the river"]
