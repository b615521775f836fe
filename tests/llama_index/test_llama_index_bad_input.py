"""What a user of LlamaIndex can get wrong, and the error that names what to change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.schema import NodeWithScore, TextNode
from remote.servers.cohere import Cohere
from remote.servers.openai import OpenAI

from llama_index.embeddings.pertinence import PertinenceEmbedding
from llama_index.postprocessor.pertinence import PertinenceRerank
from pertinence import (
    AuthenticationError,
    InputError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    UnknownModelError,
)

KEY = "sk-test-0123456789"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERTINENCE_API_KEY", raising=False)


def reranked(nodes: list[NodeWithScore], **fields: Any) -> Any:
    return PertinenceRerank(**fields).postprocess_nodes(nodes, query_str="Where is the mill?")


def areranked(nodes: list[NodeWithScore], **fields: Any) -> Any:
    reranker = PertinenceRerank(**fields)
    return asyncio.run(reranker.apostprocess_nodes(nodes, query_str="Where is the mill?"))


both_doors = pytest.mark.parametrize("door", [reranked, areranked])
Door = Callable[..., Any]


@both_doors
def test_a_model_that_is_nowhere_is_named_with_the_places_that_were_searched(
    door: Door, nodes: list[NodeWithScore], tmp_path: Path
) -> None:
    with pytest.raises(ModelNotFoundError, match="nobody/no-such-model"):
        door(nodes, model="nobody/no-such-model", local_files_only=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelError, match=r"empty holds no config\.json"):
        door(nodes, model=str(empty))


def test_nodes_may_come_from_any_iterable_and_none_is_lost(nodes: list[NodeWithScore]) -> None:
    reranker = PertinenceRerank(top_n=5)
    kept = reranker.postprocess_nodes((node for node in nodes), query_str="Where is the mill?")  # type: ignore[arg-type]
    assert kept == reranker.postprocess_nodes(nodes, query_str="Where is the mill?")
    assert len(kept) == len(nodes)


@both_doors
def test_a_key_that_is_missing_or_wrong_is_an_error_that_says_where_it_goes(
    door: Door, nodes: list[NodeWithScore]
) -> None:
    with Cohere(key=KEY) as server:
        fields = {"model": server.model, "base_url": server.url}
        with pytest.raises(AuthenticationError, match="PERTINENCE_API_KEY"):
            door(nodes, **fields)
        with pytest.raises(AuthenticationError) as refused:
            door(nodes, **fields, api_key="sk-wrong-9876543210")
        assert "sk-wrong-9876543210" not in str(refused.value)


def test_an_embedding_without_its_key_says_the_same() -> None:
    with OpenAI(key=KEY) as server:
        embedding = PertinenceEmbedding(model_name=server.model, base_url=server.url)
        with pytest.raises(AuthenticationError, match="PERTINENCE_API_KEY"):
            embedding.get_query_embedding("Where is the mill?")
        with pytest.raises(AuthenticationError, match="PERTINENCE_API_KEY"):
            asyncio.run(embedding.aget_text_embedding_batch(["an old mill"]))
        other = PertinenceEmbedding(model_name="another", base_url=server.url, api_key=KEY)
        with pytest.raises(UnknownModelError, match="another"):
            other.get_text_embedding("an old mill")


@pytest.mark.parametrize(
    ("component", "bad", "meant"),
    [
        (PertinenceRerank, {"top_m": 3}, "top_n"),
        (PertinenceRerank, {"keep_retrieval_scores": True}, "keep_retrieval_score"),
        (PertinenceRerank, {"callback_managers": None}, "callback_manager"),
        (PertinenceEmbedding, {"model_name": "m", "query_instructions": "q"}, "query_instruction"),
        (PertinenceEmbedding, {"model_name": "m", "normalise": True}, "normalize"),
        (PertinenceEmbedding, {"model_name": "m", "embed_batchsize": 3}, "embed_batch_size"),
    ],
    ids=repr,
)
def test_a_mistyped_field_is_refused_with_the_one_that_was_meant(
    component: Any, bad: dict[str, Any], meant: str
) -> None:
    with pytest.raises(OptionError, match=f"did you mean '{meant}'"):
        component(**bad)


@pytest.mark.parametrize("query", [None, 7, "", " \t\n"], ids=repr)
def test_a_query_that_asks_nothing_is_refused_by_every_door(query: Any, nodes: list[NodeWithScore]) -> None:
    reranker = PertinenceRerank()
    embedding = PertinenceEmbedding(model_name="m")
    with pytest.raises(InputError, match="query"):
        reranker.postprocess_nodes(nodes, query_str=query)
    with pytest.raises(InputError, match="query"):
        asyncio.run(reranker.apostprocess_nodes(nodes, query_str=query))
    with pytest.raises(InputError, match="query"):
        embedding.get_query_embedding(query)
    with pytest.raises(InputError, match="query"):
        asyncio.run(embedding.aget_query_embedding(query))


def test_an_engine_hands_the_error_to_its_caller_and_not_an_answer_from_fewer_nodes(
    embedding: PertinenceEmbedding,
) -> None:
    index = VectorStoreIndex([TextNode(text="an old mill")], embed_model=embedding)
    missing = PertinenceRerank(model="nobody/no-such-model", local_files_only=True)
    engine = index.as_query_engine(llm=MockLLM(), node_postprocessors=[missing])
    with pytest.raises(ModelNotFoundError, match="nobody/no-such-model"):
        engine.query("Where is the mill?")
    with pytest.raises(ModelNotFoundError, match="nobody/no-such-model"):
        asyncio.run(engine.aquery("Where is the mill?"))
