"""Vendors' own clients read what our fakes write, and our fakes accept what they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from remote.servers.cohere import Cohere
from remote.servers.gigarouter import Gigarouter
from remote.servers.infinity import Infinity
from remote.servers.llamacpp import LlamaCpp
from remote.servers.mixedbread import Mixedbread
from remote.servers.nvidia import Nvidia
from remote.servers.openai import OpenAI
from remote.servers.pinecone import Pinecone
from remote.servers.scoring import logit, vector
from remote.servers.tei import Tei
from remote.servers.vllm import Vllm
from remote.servers.voyage import Voyage
from remote.servers.wire import Server

KEY = "sk-vendor-0123456789"
QUERY = "when does the last train leave"
TEXTS = ["bread needs an hour", "the last train leaves at ten", "when the train is late we leave"]
VECTORS = [pytest.approx(vector(text), abs=1e-6) for text in TEXTS]

Vendor = Callable[[str], ModuleType]
Ranked = Callable[..., None]


@pytest.fixture
def cohere() -> Iterator[Cohere]:
    with Cohere(key=KEY) as server:
        yield server


def test_cohere_reads_both_of_its_versions(vendor: Vendor, ranked: Ranked, cohere: Cohere) -> None:
    module = vendor("cohere")
    second = module.ClientV2(api_key=KEY, base_url=cohere.origin)
    answer = second.rerank(model=cohere.model, query=QUERY, documents=TEXTS, top_n=2)
    ranked([(row.index, row.relevance_score) for row in answer.results], top=2)
    first = module.Client(api_key=KEY, base_url=cohere.origin)
    answer = first.rerank(model=cohere.model, query=QUERY, documents=TEXTS, return_documents=True)
    ranked([(row.index, row.relevance_score) for row in answer.results])
    assert answer.results[0].document.text in TEXTS


def test_cohere_knows_the_errors(vendor: Vendor, cohere: Cohere) -> None:
    module = vendor("cohere")
    client = module.ClientV2(api_key="sk-wrong", base_url=cohere.origin, max_retries=0)
    with pytest.raises(module.UnauthorizedError):
        client.rerank(model=cohere.model, query=QUERY, documents=TEXTS)
    client = module.ClientV2(api_key=KEY, base_url=cohere.origin, max_retries=0)
    with pytest.raises(module.NotFoundError, match="not found"):
        client.rerank(model="nobody", query=QUERY, documents=TEXTS)


def test_cohere_reads_a_vllm(vendor: Vendor, ranked: Ranked) -> None:
    with Vllm() as server:
        client = vendor("cohere").ClientV2(api_key=KEY, base_url=server.origin)
        answer = client.rerank(model=server.model, query=QUERY, documents=TEXTS)
    ranked([(row.index, row.relevance_score) for row in answer.results])


def test_voyage(vendor: Vendor, ranked: Ranked) -> None:
    module = vendor("voyageai")
    with Voyage(key=KEY) as server:
        client = module.Client(api_key=KEY, base_url=server.url)
        answer = client.rerank(QUERY, TEXTS, model=server.model)
        ranked([(row.index, row.relevance_score) for row in answer.results])
        assert answer.total_tokens > 0
        assert client.embed(TEXTS, model=server.embedder).embeddings == VECTORS
        with pytest.raises(module.error.AuthenticationError, match="invalid api key"):
            module.Client(api_key="sk-wrong", base_url=server.url).rerank(QUERY, TEXTS, model=server.model)


async def test_voyage_in_an_event_loop(vendor: Vendor, ranked: Ranked) -> None:
    with Voyage(key=KEY) as server:
        client = vendor("voyageai").AsyncClient(api_key=KEY, base_url=server.url)
        answer = await client.rerank(QUERY, TEXTS, model=server.model, top_k=1)
    ranked([(row.index, row.relevance_score) for row in answer.results], top=1)


def test_mixedbread(vendor: Vendor, ranked: Ranked) -> None:
    module = vendor("mixedbread")
    with Mixedbread(key=KEY) as server:
        client = module.Mixedbread(api_key=KEY, base_url=server.origin, max_retries=0)
        answer = client.rerank(model=server.model, query=QUERY, input=TEXTS, return_input=True)
        ranked([(row.index, row.score) for row in answer.data])
        assert {row.input for row in answer.data} == set(TEXTS)
        vectors = client.embed(model=server.embedder, input=TEXTS)
        assert [row.embedding for row in vectors.data] == VECTORS
        with pytest.raises(module.AuthenticationError):
            client.with_options(api_key="sk-wrong").rerank(model=server.model, query=QUERY, input=TEXTS)


def test_mixedbread_sends_ten_unless_told_otherwise(vendor: Vendor) -> None:
    with Mixedbread() as server:
        client = vendor("mixedbread").Mixedbread(api_key=KEY, base_url=server.origin)
        answer = client.rerank(model=server.model, query=QUERY, input=[f"text {each}" for each in range(12)])
    assert len(answer.data) == answer.top_k == 10


def test_pinecone(vendor: Vendor, ranked: Ranked) -> None:
    with Pinecone(key=KEY) as server:
        client = vendor("pinecone").Pinecone(api_key=KEY, host=server.origin)
        answer = client.inference.rerank(model=server.model, query=QUERY, documents=TEXTS)
        ranked([(row.index, row.score) for row in answer.data])
        assert answer.data[0].document["text"] in TEXTS
        bare = client.inference.rerank(
            model=server.model, query=QUERY, documents=TEXTS, return_documents=False, top_n=1
        )
        ranked([(row.index, row.score) for row in bare.data], top=1)


def test_nvidia(vendor: Vendor, ranked: Ranked) -> None:
    module = vendor("langchain_nvidia_ai_endpoints")
    documents = vendor("langchain_core.documents")
    with Nvidia(key=KEY) as server:
        ranker = module.NVIDIARerank(base_url=server.url, api_key=KEY, model=server.model, truncate="END")
        found = ranker.compress_documents([documents.Document(text) for text in TEXTS], QUERY)
    ranked(
        [(TEXTS.index(each.page_content), each.metadata["relevance_score"]) for each in found], score=logit
    )


@pytest.mark.parametrize("kind", [OpenAI, Tei, Vllm, LlamaCpp, Gigarouter])
@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_openai_reads_the_vectors_of_all(vendor: Vendor, kind: Any, encoding: str | None) -> None:
    with kind(key=KEY) as server:
        client = vendor("openai").OpenAI(api_key=KEY, base_url=server.origin + "/v1", max_retries=0)
        chosen = {} if encoding is None else {"encoding_format": encoding}
        model = getattr(server, "embedder", server.model)
        answer = client.embeddings.create(model=model, input=TEXTS, **chosen)
    if encoding != "base64":  # then it hands the text on as it came
        assert [row.embedding for row in answer.data] == VECTORS
    assert [row.index for row in answer.data] == [0, 1, 2]


def test_openai_reads_infinity_below_no_prefix(vendor: Vendor) -> None:
    with Infinity(key=KEY) as server:
        client = vendor("openai").OpenAI(api_key=KEY, base_url=server.url, max_retries=0)
        answer = client.embeddings.create(model=server.embedder, input=TEXTS)
    assert [row.embedding for row in answer.data] == VECTORS


@pytest.mark.parametrize("kind", [OpenAI, Vllm, Gigarouter])
def test_openai_knows_the_errors(vendor: Vendor, kind: type[Server]) -> None:
    module = vendor("openai")
    with kind(key=KEY) as server:
        client = module.OpenAI(api_key="sk-wrong", base_url=server.origin + "/v1", max_retries=0)
        with pytest.raises(module.AuthenticationError):
            client.embeddings.create(model="any", input=TEXTS)
        client = module.OpenAI(api_key=KEY, base_url=server.origin + "/v1", max_retries=0)
        with pytest.raises(module.NotFoundError, match="does not exist"):
            client.embeddings.create(model="nobody", input=TEXTS)


def test_hugging_face_reads_the_vectors_of_tei(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    module = vendor("huggingface_hub")
    # The tests keep it from the hub; loopback is meant this time.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with Tei(key=KEY) as server:
        vectors = module.InferenceClient(token=KEY).feature_extraction(TEXTS[0], model=server.url + "/embed")
    assert vectors.tolist() == [pytest.approx(vector(TEXTS[0]), abs=1e-6)]
