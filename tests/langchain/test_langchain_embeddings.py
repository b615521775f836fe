"""`PertinenceEmbeddings`: plain lists for any store, from this machine or from a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.stores import InMemoryByteStore
from langchain_core.vectorstores import InMemoryVectorStore
from remote.servers.infinity import Infinity
from remote.servers.scoring import vector

from langchain_pertinence import PertinenceEmbeddings, PertinenceRerank, PertinenceRetriever
from pertinence import (
    AuthenticationError,
    Embedder,
    InputError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    UnknownModelError,
)
from support.texts import QUERY, WORDS

KEY = "key_not_to_be_shown"


@pytest.fixture
def embeddings(embedder_folder: Path) -> Iterator[PertinenceEmbeddings]:
    with PertinenceEmbeddings(model=str(embedder_folder)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERTINENCE_API_KEY", raising=False)


async def test_every_door_gives_plain_lists_of_the_cores_vectors(
    embeddings: PertinenceEmbeddings, embedder_folder: Path
) -> None:
    with Embedder(embedder_folder) as embedder:
        documents, query = embedder.embed_documents(WORDS), embedder.embed_query(QUERY)
    for got in (embeddings.embed_documents(WORDS), await embeddings.aembed_documents(WORDS)):
        assert {type(number) for each in got for number in each} == {float}
        np.testing.assert_allclose(got, documents, atol=1e-6)
    for one in (embeddings.embed_query(QUERY), await embeddings.aembed_query(QUERY)):
        assert {type(number) for number in one} == {float}
        np.testing.assert_allclose(one, query, atol=1e-6)


def test_queries_and_documents_have_their_own_prefixes(
    embeddings: PertinenceEmbeddings, embedder_folder: Path
) -> None:
    with PertinenceEmbeddings(
        model=str(embedder_folder), query_prefix="q: ", document_prefix="d: "
    ) as prefixed:
        got = [prefixed.embed_query("train"), *prefixed.embed_documents(["train"])]
    np.testing.assert_allclose(got, embeddings.embed_documents(["q: train", "d: train"]), atol=1e-6)


def test_vectors_may_be_cut_and_brought_back_to_length_one(
    embeddings: PertinenceEmbeddings, embedder_folder: Path
) -> None:
    with PertinenceEmbeddings(model=str(embedder_folder), truncate_dim=16, normalize=True) as short:
        (cut,) = short.embed_documents(["train"])
    whole = np.array(embeddings.embed_query("train")[:16])
    np.testing.assert_allclose(cut, whole / np.linalg.norm(whole), atol=1e-6)


async def test_no_texts_give_no_vectors(embeddings: PertinenceEmbeddings) -> None:
    assert embeddings.embed_documents([]) == await embeddings.aembed_documents([]) == []


def test_one_component_serves_many_threads(embeddings: PertinenceEmbeddings) -> None:
    alone = [embeddings.embed_query(word) for word in WORDS]
    with ThreadPoolExecutor(8) as pool:
        np.testing.assert_allclose(list(pool.map(embeddings.embed_query, WORDS)), alone, atol=1e-6)


async def test_a_store_finds_a_text_by_itself_and_ours_puts_what_it_finds_in_order(
    embeddings: PertinenceEmbeddings,
) -> None:
    store = await InMemoryVectorStore.afrom_texts(WORDS, embeddings)
    assert [each.page_content for each in await store.asimilarity_search(WORDS[3], k=1)] == [WORDS[3]]
    retriever = PertinenceRetriever(retriever=store.as_retriever(search_kwargs={"k": 6}), k=2)
    kept = await retriever.ainvoke(QUERY)
    found = await store.asimilarity_search(QUERY, k=6)
    assert kept == (await PertinenceRerank(top_n=2).acompress_documents(found, QUERY))


async def test_a_server_embeds_in_place_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
    with Infinity(key=KEY) as server:
        embeddings = PertinenceEmbeddings(model=server.embedder, base_url=server.url)
        expected = [pytest.approx(vector(text), abs=1e-6) for text in WORDS]
        assert embeddings.embed_documents(WORDS) == expected
        assert await embeddings.aembed_documents(WORDS) == expected
        assert embeddings.embed_query(WORDS[0]) == await embeddings.aembed_query(WORDS[0]) == expected[0]


def test_a_cache_of_langchains_asks_once_for_each_text() -> None:
    with Infinity() as server:
        embeddings = PertinenceEmbeddings(model=server.embedder, base_url=server.url)
        cached = CacheBackedEmbeddings.from_bytes_store(
            embeddings, InMemoryByteStore(), namespace=server.embedder, key_encoder="sha256"
        )
        assert cached.embed_documents(WORDS) == embeddings.embed_documents(WORDS)
        before = len(server.calls)
        assert asyncio.run(cached.aembed_documents(WORDS)) == embeddings.embed_documents(WORDS)
        assert len(server.calls) == before + 1


# Bad input


@pytest.mark.parametrize("query", [None, 7, "", " \n"], ids=repr)
def test_a_query_that_asks_nothing_is_refused(query: Any, embeddings: PertinenceEmbeddings) -> None:
    with pytest.raises(InputError, match="query"):
        embeddings.embed_query(query)
    with pytest.raises(InputError, match="query"):
        asyncio.run(embeddings.aembed_query(query))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a", None], "document 1 must be a string, not NoneType"),
        ("one text", "documents must be a sequence of texts, not str"),
        (None, "documents must be a sequence, not NoneType"),
    ],
    ids=repr,
)
def test_texts_that_are_none_are_named(texts: Any, said: str, embeddings: PertinenceEmbeddings) -> None:
    with pytest.raises(InputError, match=said):
        embeddings.embed_documents(texts)
    with pytest.raises(InputError, match=said):
        asyncio.run(embeddings.aembed_documents(texts))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({}, "model is missing"),
        ({"model": "m", "top_n": 3}, "unknown option 'top_n'"),
        ({"model": "m", "score_kind": "logit"}, "score_kind"),
        ({"model": "m", "modle": "n"}, "unknown option 'modle'; did you mean 'model'"),
        ({"model": "m", "truncate_dim": 0}, "truncate_dim must be > 0"),
        ({"model": "m", "backend": "tensorflow"}, "backend must be one of"),
        ({"model": "m", "base_url": "localhost:8080"}, "base_url is no full URL"),
    ],
    ids=repr,
)
def test_a_bad_option_is_refused_when_it_is_made(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said) as raised:
        PertinenceEmbeddings(**bad, api_key=KEY)  # type: ignore[arg-type]
    assert KEY not in str(raised.value)


def test_a_model_that_is_nowhere_is_named_with_the_places_that_were_searched() -> None:
    embeddings = PertinenceEmbeddings(model="nobody/no-such-model", local_files_only=True)
    with pytest.raises(ModelNotFoundError, match="nobody/no-such-model"):
        embeddings.embed_query(QUERY)


def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=str(tmp_path)):
        PertinenceEmbeddings(model=str(tmp_path)).embed_query(QUERY)


def test_a_missing_key_and_an_unknown_model_say_what_to_change() -> None:
    with Infinity(key=KEY) as server:
        with pytest.raises(AuthenticationError, match="PERTINENCE_API_KEY"):
            PertinenceEmbeddings(model=server.embedder, base_url=server.url).embed_query(QUERY)
        unknown = PertinenceEmbeddings(model="nobody", base_url=server.url, api_key=KEY)  # type: ignore[arg-type]
        with pytest.raises(UnknownModelError, match="nobody"):
            unknown.embed_query(QUERY)
