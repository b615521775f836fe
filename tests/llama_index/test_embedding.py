"""`PertinenceEmbedding` in LlamaIndex: plain lists, one event a batch, one model for all copies."""

from __future__ import annotations

import asyncio
import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from remote.servers.openai import OpenAI
from remote.servers.scoring import vector

from llama_index.embeddings.pertinence import PertinenceEmbedding
from pertinence import InputError, ModelError, OptionError
from pertinence.local.serving.pool import loaded
from pertinence.testing import FakeVectoriser, embedding_with
from support.embedders import build_embedder
from support.texts import QUERY, WORDS

pytest.importorskip("sentence_transformers", reason="embedding models run on the torch backend")


async def test_every_door_gives_plain_lists_of_the_cores_vectors(
    embedding: PertinenceEmbedding, vectors: list[list[float]]
) -> None:
    texts = (
        embedding.get_text_embedding_batch(WORDS),
        await embedding.aget_text_embedding_batch(WORDS),
        [embedding.get_text_embedding(text) for text in WORDS],
        [await embedding.aget_text_embedding(text) for text in WORDS],
    )
    queries = (
        [embedding.get_query_embedding(text) for text in WORDS],
        [await embedding.aget_query_embedding(text) for text in WORDS],
    )
    for got in (*texts, *queries):
        assert {type(each) for each in got} == {list}
        assert {type(number) for each in got for number in each} == {float}
        np.testing.assert_allclose(got, vectors, atol=1e-6)


async def test_no_texts_give_no_vectors_and_look_for_no_model() -> None:
    embedding = PertinenceEmbedding(model_name="nobody/no-such-model", local_files_only=True)
    assert embedding.get_text_embedding_batch([]) == []
    assert await embedding.aget_text_embedding_batch([]) == []


async def test_a_model_that_is_nowhere_is_an_error_that_names_it() -> None:
    embedding = PertinenceEmbedding(model_name="nobody/no-such-model", local_files_only=True)
    with pytest.raises(ModelError, match="nobody/no-such-model"):
        await embedding.aget_query_embedding(QUERY)


def test_queries_and_texts_have_their_own_instructions(folder: str, embedding: PertinenceEmbedding) -> None:
    with PertinenceEmbedding(
        model_name=folder, query_instruction="q: ", text_instruction="d: "
    ) as instructed:
        got = [instructed.get_query_embedding("train"), instructed.get_text_embedding("train")]
    expected = [embedding.get_query_embedding("q: train"), embedding.get_text_embedding("d: train")]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_newlines_that_a_retriever_tool_appends_are_no_part_of_a_query() -> None:
    vectoriser = FakeVectoriser()
    with embedding_with(vectoriser), PertinenceEmbedding(model_name="m") as embedding:
        embedding.get_query_embedding("an old mill\n\n")
        embedding.get_text_embedding("an old mill\n\n")
    assert vectoriser.requests == [("query", ["an old mill"]), ("document", ["an old mill\n\n"])]
    vectoriser.close()


def test_a_text_that_is_no_string_is_named_by_its_index(embedding: PertinenceEmbedding) -> None:
    with pytest.raises(InputError, match="document 1 must be a string, not NoneType"):
        embedding.get_text_embedding_batch(["a", None])  # type: ignore[list-item]


@pytest.mark.parametrize("door", ["get_text_embedding_batch", "aget_text_embedding_batch"])
def test_a_batch_has_one_pair_of_events_and_one_callback(folder: str, door: str, recorder: Any) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    manager = CallbackManager([debug])
    with PertinenceEmbedding(model_name=folder, embed_batch_size=5, callback_manager=manager) as embedding:
        if door.startswith("a"):
            asyncio.run(embedding.aget_text_embedding_batch(WORDS))
        else:
            embedding.get_text_embedding_batch(WORDS)
    assert len(WORDS) == 12
    starts = [event for event in recorder.events if isinstance(event, EmbeddingStartEvent)]
    ends = [event for event in recorder.events if isinstance(event, EmbeddingEndEvent)]
    assert [event.model_dict["model_name"] for event in starts] == [folder] * 3
    assert [len(event.embeddings) for event in ends] == [5, 5, 2]
    assert len(debug.get_event_pairs(CBEventType.EMBEDDING)) == 3


@pytest.mark.parametrize("door", ["get_query_embedding", "aget_query_embedding"])
def test_a_query_has_one_pair_of_events(embedding: PertinenceEmbedding, door: str, recorder: Any) -> None:
    if door.startswith("a"):
        asyncio.run(embedding.aget_query_embedding(QUERY))
    else:
        embedding.get_query_embedding(QUERY)
    assert [type(event) for event in recorder.events] == [EmbeddingStartEvent, EmbeddingEndEvent]


async def test_the_event_loop_stays_free_while_the_model_works(embedding: PertinenceEmbedding) -> None:
    beats = 0
    task = asyncio.create_task(
        embedding.aget_text_embedding_batch([f"{number} {text}" for number in range(40) for text in WORDS])
    )
    while not task.done():
        await asyncio.sleep(0)
        beats += 1
    # A blocked loop would turn a few times only: once for each step of the task.
    assert beats > 100
    assert len(task.result()) == 40 * len(WORDS)


async def test_a_cancelled_task_leaves_the_component_at_work(embedding: PertinenceEmbedding) -> None:
    task = asyncio.create_task(embedding.aget_text_embedding_batch([f"{n} " * 200 for n in range(2_000)]))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await embedding.aget_query_embedding(QUERY)) == 64


@pytest.mark.parametrize("native", [False, True])
def test_an_index_finds_a_text_by_itself(embedding: PertinenceEmbedding, native: bool) -> None:
    nodes = [TextNode(text=text, id_=str(place)) for place, text in enumerate(WORDS)]
    retriever = VectorStoreIndex(nodes, embed_model=embedding, use_async=native).as_retriever(
        similarity_top_k=2
    )
    for place in (0, 7):
        found = asyncio.run(retriever.aretrieve(WORDS[place])) if native else retriever.retrieve(WORDS[place])
        assert found[0].node.node_id == str(place)
        assert found[0].score == pytest.approx(1, abs=1e-5)


def test_copies_share_one_model_and_closing_one_leaves_the_others_at_work(
    embedding: PertinenceEmbedding, vectors: list[list[float]]
) -> None:
    embedding.warm_up()
    before = loaded()
    for twin in (pickle.loads(pickle.dumps(embedding)), copy.deepcopy(embedding), copy.copy(embedding)):
        with twin:
            np.testing.assert_allclose(twin.get_text_embedding(WORDS[0]), vectors[0], atol=1e-6)
            assert loaded() == before
    assert loaded() == before
    np.testing.assert_allclose(embedding.get_text_embedding(WORDS[0]), vectors[0], atol=1e-6)


def test_a_closed_component_opens_its_model_anew(embedding: PertinenceEmbedding) -> None:
    before = embedding.get_query_embedding(QUERY)
    embedding.close()
    np.testing.assert_allclose(embedding.get_query_embedding(QUERY), before, atol=1e-6)


def test_a_cache_serves_a_model_that_knows_no_roles(folder: str, vectors: list[list[float]]) -> None:
    with PertinenceEmbedding(model_name=folder, embeddings_cache=SimpleKVStore()) as embedding:
        for _ in range(2):
            np.testing.assert_allclose(embedding.get_text_embedding_batch(WORDS[:3]), vectors[:3], atol=1e-6)


async def test_a_cache_that_would_confuse_queries_with_texts_is_refused(folder: str, tmp_path: Path) -> None:
    # LlamaIndex looks a query up among the texts, by its words alone: run-llama/llama_index#23181.
    cache = SimpleKVStore()
    for instruction in ({"text_instruction": "d: "}, {"query_instruction": "q: "}):
        with pytest.raises(OptionError, match="embeddings_cache does not know queries from texts"):
            PertinenceEmbedding(model_name=folder, embeddings_cache=cache, **instruction)
    saved = {"prompts": {"query": "question: "}}
    prompted = build_embedder("tiny-embedder", tmp_path / "prompted", saved=saved)
    with PertinenceEmbedding(model_name=str(prompted), embeddings_cache=cache) as embedding:
        with pytest.raises(OptionError, match="embeddings_cache does not know queries from texts"):
            embedding.get_text_embedding(QUERY)
        with pytest.raises(OptionError, match="embeddings_cache"):
            await embedding.aget_query_embedding(QUERY)
    assert cache.get_all(collection="embeddings") == {}


def test_an_error_leaves_no_half_event_and_drops_the_span(
    embedding: PertinenceEmbedding, recorder: Any, spans: SimpleSpanHandler
) -> None:
    with pytest.raises(InputError):
        embedding.get_query_embedding(" ")
    with pytest.raises(InputError):
        asyncio.run(embedding.aget_text_embedding_batch(["a", 3]))  # type: ignore[list-item]
    assert [type(event) for event in recorder.events] == [EmbeddingStartEvent] * 2
    assert len(spans.dropped_spans) >= 2
    assert not spans.open_spans


@pytest.mark.parametrize("workers", [None, 3])
def test_one_component_serves_several_event_loops(
    folder: str, vectors: list[list[float]], workers: int | None
) -> None:
    with PertinenceEmbedding(model_name=folder, embed_batch_size=2, num_workers=workers) as embedding:
        for _ in range(2):
            got = asyncio.run(embedding.aget_text_embedding_batch(WORDS))
            np.testing.assert_allclose(got, vectors, atol=1e-6)


def test_an_ingestion_pipeline_embeds_and_remembers(
    embedding: PertinenceEmbedding, vectors: list[list[float]], recorder: Any
) -> None:
    pipeline = IngestionPipeline(transformations=[embedding])
    for _ in range(2):
        nodes = pipeline.run(nodes=[TextNode(text=text, id_=text) for text in WORDS[:3]])
        np.testing.assert_allclose([node.embedding for node in nodes], vectors[:3], atol=1e-6)
    assert len(recorder.events) == 2


async def test_batches_that_are_started_at_once_are_sent_a_few_at_a_time() -> None:
    with OpenAI(latency=0.02) as server:
        embedding = PertinenceEmbedding(
            model_name=server.model, base_url=server.url, embed_batch_size=1, concurrency=2
        )
        got = await embedding.aget_text_embedding_batch(WORDS)
    assert got == [pytest.approx(vector(text), abs=1e-6) for text in WORDS]
    assert len(server.calls) == len(WORDS)
    assert server.busiest == 2
