"""`PertinenceRanker` in pipelines: behind a retriever, from YAML, two of them over one model."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import ComponentDevice, Secret

import pertinence_mini
from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence.integration import Options
from pertinence.local.serving import pool
from pertinence.testing import FakeScorer

RANKER = {
    "top_k": 2,
    "scale_score": False,
    "score_threshold": -5.0,
    "meta_fields_to_embed": ["page"],
    "device": ComponentDevice.from_str("cpu"),
    "token": Secret.from_env_var(["MY_TOKEN"], strict=False),
}


def pipeline_of(ranker: PertinenceRanker, documents: list[Document]) -> Pipeline:
    """A first stage that finds two documents, and the ranker behind it."""
    store = InMemoryDocumentStore()
    store.write_documents(documents)
    pipeline = Pipeline()
    pipeline.add_component("retriever", InMemoryBM25Retriever(document_store=store, top_k=2))
    pipeline.add_component("ranker", ranker)
    pipeline.connect("retriever.documents", "ranker.documents")
    return pipeline


def inputs(query: str, **call: Any) -> dict[str, Any]:
    return {"retriever": {"query": query}, "ranker": {"query": query, **call}}


def run(pipeline: Pipeline, data: dict[str, Any]) -> dict[str, Any]:
    """What the ranker gives out, the same through both doors."""
    output = pipeline.run(data)["ranker"]
    assert asyncio.run(pipeline.run_async(data))["ranker"] == output
    return output


@pytest.mark.usefixtures("made")
def test_a_pipeline_ends_with_the_best(documents: list[Document], query: str) -> None:
    output = run(pipeline_of(PertinenceRanker(top_k=2), documents), inputs(query))
    assert [document.id for document in output["documents"]] == ["mill", "flood"]
    assert output["meta"]["model"] == "fake"
    assert {type(document.score) for document in output["documents"]} == {float}


@pytest.mark.usefixtures("made")
def test_a_run_may_override_the_component(documents: list[Document], query: str) -> None:
    pipeline = pipeline_of(PertinenceRanker(top_k=1, score_threshold=0.9), documents)
    output = run(pipeline, inputs(query, top_k=3, score_threshold=0.0, scale_score=False))
    assert [document.id for document in output["documents"]] == ["mill", "flood"]
    assert output["meta"]["score_kind"] == "logit"


def test_a_pipeline_of_the_async_door_uses_ours(
    documents: list[Document], query: str, scorer: FakeScorer, made: list[Options]
) -> None:
    async def main() -> dict[str, Any]:
        with scorer.held():
            task = asyncio.create_task(pipeline.run_async(inputs(query)))
            while not scorer.requests:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return await pipeline.run_async(inputs(query))

    pipeline = pipeline_of(PertinenceRanker(), documents)
    output = asyncio.run(main())
    assert len(output["ranker"]["documents"]) == 2
    assert scorer.rows == 2  # a thread of Haystack's would have gone on scoring what was cancelled


@pytest.mark.usefixtures("made")
def test_a_pipeline_survives_yaml(documents: list[Document], query: str) -> None:
    pipeline = Pipeline()
    pipeline.add_component("ranker", PertinenceRanker(**RANKER))
    written = pipeline.dumps()
    loaded = Pipeline.loads(written)
    assert loaded.dumps() == written
    ranker = loaded.get_component("ranker")
    assert isinstance(ranker, PertinenceRanker)
    assert {name: getattr(ranker, name) for name in RANKER} == RANKER
    data = {"ranker": {"query": query, "documents": documents}}
    assert run(loaded, data) == run(pipeline, data)


@pytest.mark.usefixtures("made")
def test_a_used_pipeline_survives_yaml_without_its_secret(
    documents: list[Document], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hf_not_to_be_shown")
    pipeline = pipeline_of(PertinenceRanker(**RANKER), documents)
    run(pipeline, inputs(query))
    assert "hf_not_to_be_shown" not in pipeline.dumps()
    Pipeline.loads(pipeline.dumps())


def test_a_pipeline_warms_its_ranker_and_closes_it(
    documents: list[Document], query: str, scorer: FakeScorer, made: list[Options]
) -> None:
    pipeline = pipeline_of(PertinenceRanker(), documents)
    pipeline.warm_up()
    asyncio.run(pipeline.warm_up_async())
    assert (scorer.warm_ups, scorer.requests) == (2, [])
    before = run(pipeline, inputs(query))
    pipeline.close()
    asyncio.run(pipeline.close_async())
    assert run(pipeline, inputs(query)) == before
    assert len(made) == 2


def test_two_rankers_over_one_model_hold_one_copy(query: str, documents: list[Document]) -> None:
    folder = str(pertinence_mini.folder())
    first = PertinenceRanker(model=folder, top_k=2)
    second = PertinenceRanker(model=folder, scale_score=False, max_length=64)
    pipeline = pipeline_of(first, documents)
    pipeline.add_component("second", second)
    pipeline.connect("ranker.documents", "second.documents")
    output = pipeline.run({**inputs(query), "second": {"query": query}})["second"]
    assert [document.id for document in output["documents"]] == ["mill", "flood"]
    assert pool.loaded().count(folder) == 1
    first.close()
    assert pool.loaded().count(folder) == 1
    second.close()
    assert pool.loaded().count(folder) == 0
