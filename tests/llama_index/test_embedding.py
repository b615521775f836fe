"""`PertinenceEmbedding` in LlamaIndex: plain lists, one event a batch, and the ways it is written out."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.base import BaseEvent
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from pydantic import Field, SecretStr, ValidationError

from llama_index.embeddings.pertinence import PertinenceEmbedding
from pertinence import Embedder, InputError, ModelError, OptionError
from pertinence.embedder import EmbedderValues
from pertinence.local.pool import loaded
from support.embedders import build_embedder
from support.texts import QUERY, WORDS

pytest.importorskip("sentence_transformers", reason="embedding models run on the torch backend")

SECRET = "hf_not_to_be_shown"


class Recorder(BaseEventHandler):
    """Keeps the events of embedding."""

    events: list[BaseEvent] = Field(default_factory=list)

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        if isinstance(event, EmbeddingStartEvent | EmbeddingEndEvent):
            self.events.append(event)


class Unpicklable(LlamaDebugHandler):
    """A callback handler as many are: it holds what no pickle can carry."""

    def __init__(self) -> None:
        super().__init__(print_trace_on_end=False)
        self.lock = threading.Lock()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_embedder("tiny-embedder", tmp_path_factory.mktemp("embedding") / "tiny"))


@pytest.fixture
def embedding(folder: str) -> Iterator[PertinenceEmbedding]:
    with PertinenceEmbedding(model_name=folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def vectors(folder: str) -> list[list[float]]:
    with Embedder(folder) as embedder:
        return [vector.tolist() for vector in embedder.embed_documents(WORDS)]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    root, recorder = get_dispatcher(), Recorder()
    root.event_handlers.append(recorder)
    yield recorder
    root.event_handlers.remove(recorder)


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


def test_queries_and_texts_have_their_own_prefixes(folder: str, embedding: PertinenceEmbedding) -> None:
    with PertinenceEmbedding(model_name=folder, query_prefix="q: ", document_prefix="d: ") as prefixed:
        got = [prefixed.get_query_embedding("train"), prefixed.get_text_embedding("train")]
    expected = [embedding.get_query_embedding("q: train"), embedding.get_text_embedding("d: train")]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_newlines_that_a_retriever_tool_appends_are_no_part_of_a_query(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = Tokenizer(models.BPE(vocab={"a": 0, "\n": 1}, merges=[], unk_token="a"))
    letters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    folder = build_embedder("tiny-embedder", tmp_path / "letters", tokenizer=letters)
    with PertinenceEmbedding(model_name=str(folder)) as embedding:
        assert embedding.get_query_embedding("aa\n\n") == embedding.get_query_embedding("aa")
        assert embedding.get_text_embedding("aa\n\n") != embedding.get_text_embedding("aa")


@pytest.mark.parametrize("query", [None, "", " \n"])
def test_a_query_that_asks_nothing_is_refused(embedding: PertinenceEmbedding, query: Any) -> None:
    with pytest.raises(InputError, match="query"):
        embedding.get_query_embedding(query)


def test_a_text_that_is_no_string_is_named_by_its_index(embedding: PertinenceEmbedding) -> None:
    with pytest.raises(InputError, match="document 1 must be a string, not NoneType"):
        embedding.get_text_embedding_batch(["a", None])  # type: ignore[list-item]


@pytest.mark.parametrize("door", ["get_text_embedding_batch", "aget_text_embedding_batch"])
def test_a_batch_has_one_pair_of_events_and_one_callback(folder: str, door: str, recorder: Recorder) -> None:
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
def test_a_query_has_one_pair_of_events(
    embedding: PertinenceEmbedding, door: str, recorder: Recorder
) -> None:
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


def test_its_fields_are_the_options_of_an_embedder_and_those_of_the_base() -> None:
    base = set(MockEmbedding.model_fields) - {"embed_dim"}
    assert set(PertinenceEmbedding.model_fields) == set(EmbedderValues.__annotations__) | base


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"model": "m"}, "unknown option 'model'; did you mean 'model_name'"),
        ({"top_n": 3}, "unknown option 'top_n'"),
        ({"model_name": None}, "model_name is missing"),
        ({"backend": "onnx"}, "backend='onnx'"),
        ({"max_length": 0}, "max_length"),
        ({"trust_remote_code": 1}, "trust_remote_code"),
        ({"model_name": ""}, "model"),
    ],
    ids=repr,
)
def test_a_bad_field_is_refused_at_once_without_telling_the_token(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said) as raised:
        PertinenceEmbedding(**{"model_name": "m", "token": SECRET, **bad})
    assert SECRET not in str(raised.value)
    with pytest.raises(ValidationError) as wrapped:
        PertinenceEmbedding.model_validate({"model_name": "m", "token": SECRET, **bad})
    assert SECRET not in str(wrapped.value)


def test_a_model_must_be_named() -> None:
    with pytest.raises(OptionError, match="model_name is missing"):
        PertinenceEmbedding()  # type: ignore[call-arg]


def test_every_way_to_write_it_out_leads_back() -> None:
    embedding = PertinenceEmbedding(
        model_name="m", embed_batch_size=7, model_kwargs={"a": [1]}, num_workers=2
    )
    assert embedding.to_dict()["class_name"] == "PertinenceEmbedding"
    for other in (
        PertinenceEmbedding.from_dict(embedding.to_dict()),
        PertinenceEmbedding.from_json(embedding.to_json()),
        PertinenceEmbedding.model_validate(embedding.model_dump()),
        PertinenceEmbedding.model_validate_json(embedding.model_dump_json()),
    ):
        assert other.to_dict() == embedding.to_dict()


@pytest.mark.parametrize("token", [SECRET, SecretStr(SECRET)], ids=["str", "SecretStr"])
def test_the_token_is_in_nothing_that_is_written(token: Any) -> None:
    embedding = PertinenceEmbedding(model_name="m", token=token)
    written = [repr(embedding), str(embedding), embedding.to_json(), str(embedding.to_dict())]
    written += [str(embedding.model_dump()), str(pickle.dumps(embedding))]
    if hasattr(embedding, "to_payload"):  # what events carry in newer releases of the framework
        written.append(str(embedding.to_payload()))
    for each in written:
        assert SECRET not in each
    assert copy.deepcopy(embedding).token == SecretStr(SECRET)


def test_pickling_leaves_the_original_whole() -> None:
    manager = CallbackManager([Unpicklable()])
    embedding = PertinenceEmbedding(model_name="m", token=SECRET, callback_manager=manager)
    carried = pickle.loads(pickle.dumps(embedding))
    assert carried.to_dict() == embedding.to_dict()
    assert carried.token is None
    assert embedding.callback_manager is manager
    assert embedding.token == SecretStr(SECRET)


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
    saved = {"prompts": {"query": "question: "}}
    prompted = build_embedder("tiny-embedder", tmp_path / "prompted", saved=saved)
    for fields in ({"model_name": folder, "document_prefix": "d: "}, {"model_name": str(prompted)}):
        cache = SimpleKVStore()
        with PertinenceEmbedding(embeddings_cache=cache, **fields) as embedding:
            with pytest.raises(OptionError, match="embeddings_cache does not know queries from documents"):
                embedding.get_text_embedding(QUERY)
            with pytest.raises(OptionError, match="embeddings_cache"):
                await embedding.aget_query_embedding(QUERY)
        assert cache.get_all(collection="embeddings") == {}
