"""The fakes are servers: they ask for a key, read fields as strictly as real ones, and score as they say."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from remote.servers.cohere import Cohere
from remote.servers.deepinfra import DeepInfra
from remote.servers.fireworks import Fireworks
from remote.servers.gigarouter import Gigarouter
from remote.servers.infinity import Infinity
from remote.servers.jina import Jina
from remote.servers.litellm import LiteLlm
from remote.servers.llamacpp import LlamaCpp
from remote.servers.mixedbread import Mixedbread
from remote.servers.nvidia import Nvidia
from remote.servers.openai import OpenAI
from remote.servers.pinecone import Pinecone
from remote.servers.scoring import logit, probability, vector
from remote.servers.tei import Tei
from remote.servers.vllm import Vllm
from remote.servers.voyage import Voyage
from remote.servers.wire import Server
from remote.servers.xinference import Xinference

QUERY = "when does the last train leave"
TEXTS = ["bread needs an hour", "the last train leaves at ten", "when the train is late we leave"]
KEY = "sk-test-0123456789"


@dataclass(frozen=True)
class Way:
    """How one server is asked directly: where, with what, and where its scores stand."""

    server: type[Server]
    path: str
    body: dict[str, Any]
    results: str | None = "results"
    score: str = "relevance_score"
    scale: Callable[[str, str], float] = probability
    auth: str = "Authorization"

    def scores(self, content: Any) -> dict[int, float]:
        """Score by index."""
        rows = content if self.results is None else content[self.results]
        if isinstance(rows[0], float):
            return dict(enumerate(rows))
        if isinstance(rows[0], list):
            return {index: row[0]["score"] for index, row in enumerate(rows)}
        return {row["index"]: row[self.score] for row in rows}


def cohere_like(server: Any, **more: Any) -> dict[str, Any]:
    return {"model": server.model, "query": QUERY, "documents": TEXTS, **more}


PAIRS = [[QUERY, text] for text in TEXTS]
WAYS = {
    "tei": Way(Tei, "/rerank", {"query": QUERY, "texts": TEXTS}, None, "score"),
    "tei-logits": Way(
        Tei, "/rerank", {"query": QUERY, "texts": TEXTS, "raw_scores": True}, None, "score", logit
    ),
    "tei-predict": Way(Tei, "/predict", {"inputs": PAIRS}, None),
    "vllm": Way(Vllm, "/rerank", cohere_like(Vllm)),
    "vllm-v1": Way(Vllm, "/v1/rerank", cohere_like(Vllm, top_n=0)),
    "vllm-v2": Way(Vllm, "/v2/rerank", cohere_like(Vllm, use_activation=False), scale=logit),
    "vllm-score": Way(
        Vllm, "/v1/score", {"model": Vllm.model, "text_1": QUERY, "text_2": TEXTS}, "data", "score"
    ),
    "infinity": Way(Infinity, "/rerank", cohere_like(Infinity)),
    "llamacpp": Way(LlamaCpp, "/v1/rerank", cohere_like(LlamaCpp, raw_scores=False), scale=logit),
    "llamacpp-tei": Way(LlamaCpp, "/rerank", {"query": QUERY, "texts": TEXTS}, None, "score", logit),
    "litellm": Way(LiteLlm, "/rerank", cohere_like(LiteLlm)),
    "xinference": Way(Xinference, "/v1/rerank", cohere_like(Xinference, kwargs="{}")),
    "cohere-v1": Way(Cohere, "/v1/rerank", cohere_like(Cohere, return_documents=True)),
    "cohere-v2": Way(Cohere, "/v2/rerank", cohere_like(Cohere)),
    "jina": Way(Jina, "/v1/rerank", cohere_like(Jina)),
    "voyage": Way(Voyage, "/v1/rerank", cohere_like(Voyage, truncation=True), "data"),
    "fireworks": Way(Fireworks, "/inference/v1/rerank", cohere_like(Fireworks), "data"),
    "mixedbread": Way(
        Mixedbread,
        "/v1/reranking",
        {"model": Mixedbread.model, "query": QUERY, "input": TEXTS},
        "data",
        "score",
    ),
    "pinecone": Way(
        Pinecone,
        "/rerank",
        {"model": Pinecone.model, "query": QUERY, "documents": [{"text": text} for text in TEXTS]},
        "data",
        "score",
        auth="Api-Key",
    ),
    "nvidia": Way(
        Nvidia,
        "/v1/ranking",
        {"model": Nvidia.model, "query": {"text": QUERY}, "passages": [{"text": text} for text in TEXTS]},
        "rankings",
        "logit",
        logit,
    ),
    "deepinfra": Way(
        DeepInfra,
        f"/v1/inference/{DeepInfra.model}",
        {"queries": [QUERY] * 3, "documents": TEXTS},
        "scores",
    ),
    "gigarouter": Way(Gigarouter, "/v1/rerank", {"model": Gigarouter.model, "input": PAIRS}, "scores"),
}
EMBEDDERS: dict[str, tuple[type[Server], str, str]] = {
    "openai": (OpenAI, "/v1/embeddings", OpenAI.model),
    "tei": (Tei, "/v1/embeddings", Tei.model),
    "vllm": (Vllm, "/v1/embeddings", Vllm.model),
    "infinity": (Infinity, "/embeddings", Infinity.embedder),
    "llamacpp": (LlamaCpp, "/v1/embeddings", LlamaCpp.model),
    "litellm": (LiteLlm, "/v1/embeddings", LiteLlm.model),
    "xinference": (Xinference, "/v1/embeddings", Xinference.model),
    "voyage": (Voyage, "/v1/embeddings", Voyage.embedder),
    "mixedbread": (Mixedbread, "/v1/embeddings", Mixedbread.embedder),
    "gigarouter": (Gigarouter, "/v1/embeddings", Gigarouter.embedder),
}


# Plain HTTP on loopback; one for all, because a client takes its time to read certificates.
CLIENT = httpx2.Client(verify=False, trust_env=False)


def post(server: Server, path: str, body: Any, *, auth: str = "Authorization", key: str = KEY) -> Any:
    presented = f"Bearer {key}" if auth == "Authorization" else key
    return CLIENT.post(server.origin + path, json=body, headers={auth: presented})


@pytest.mark.parametrize("name", WAYS)
def test_every_text_is_scored_by_the_plain_function(name: str) -> None:
    way = WAYS[name]
    with way.server(key=KEY) as server:
        answer = post(server, way.path, way.body, auth=way.auth)
    assert answer.status_code == 200, answer.text
    expected = {index: way.scale(QUERY, text) for index, text in enumerate(TEXTS)}
    assert way.scores(answer.json()) == pytest.approx(expected)


@pytest.mark.parametrize("name", WAYS)
def test_a_wrong_key_is_refused(name: str) -> None:
    way = WAYS[name]
    with way.server(key=KEY) as server:
        answer = post(server, way.path, way.body, auth=way.auth, key="sk-wrong")
    # vLLM guards only what begins with /v1.
    assert answer.status_code == (200 if way.server is Vllm and not way.path.startswith("/v1") else 401)


@pytest.mark.parametrize("name", WAYS)
def test_a_missing_field_is_refused(name: str) -> None:
    way = WAYS[name]
    for field in way.body:
        rest = {key: value for key, value in way.body.items() if key != field}
        with way.server() as server:
            answer = post(server, way.path, rest)
        optional = {
            "model",
            "raw_scores",
            "top_n",
            "use_activation",
            "kwargs",
            "return_documents",
            "truncation",
        }
        assert answer.status_code >= 400 or field in optional, field


@pytest.mark.parametrize(
    "name", ["cohere-v2", "voyage", "nvidia", "deepinfra", "gigarouter", "pinecone", "jina"]
)
def test_hosted_providers_refuse_fields_that_they_do_not_know(name: str) -> None:
    way = WAYS[name]
    with way.server() as server:
        answer = post(server, way.path, {**way.body, "top_m": 3})
    assert answer.status_code in (400, 422)
    assert "top_m" in answer.text


def test_nvidia_takes_no_top_k() -> None:
    with Nvidia() as server:
        assert post(server, "/v1/ranking", {**WAYS["nvidia"].body, "top_k": 1}).status_code == 400


@pytest.mark.parametrize("name", EMBEDDERS)
def test_vectors_come_in_floats_and_where_the_server_can_in_base64(name: str) -> None:
    kind, path, model = EMBEDDERS[name]
    with kind() as server:
        plain = post(server, path, {"model": model, "input": TEXTS}).json()["data"]
        asked = post(server, path, {"model": model, "input": TEXTS, "encoding_format": "base64"}).json()[
            "data"
        ]
    assert [row["embedding"] for row in plain] == [vector(text) for text in TEXTS]
    if kind is Xinference:
        assert asked == plain
    else:
        unpacked = [struct.unpack("<8f", base64.b64decode(row["embedding"])) for row in asked]
        assert unpacked == [pytest.approx(vector(text), abs=1e-7) for text in TEXTS]


def test_tei_counts_texts_bytes_words_and_requests() -> None:
    with Tei(limit=2, longest=20, body_limit=500) as server:
        many = post(server, "/rerank", {"query": QUERY, "texts": TEXTS})
        large = post(server, "/rerank", {"query": QUERY, "texts": ["long " * 200]})
        long = post(server, "/rerank", {"query": QUERY, "texts": ["long " * 30]})
        cut = post(server, "/rerank", {"query": QUERY, "texts": ["long " * 30], "truncate": True})
        vectors = post(server, "/v1/embeddings", {"input": TEXTS})
    assert (many.status_code, many.json()["error_type"]) == (422, "Validation")
    assert "batch size 3 > maximum allowed batch size 2" in many.json()["error"]
    assert large.status_code == 413
    assert (long.status_code, cut.status_code) == (422, 200)
    # Its OpenAI route knows no envelope.
    assert (vectors.status_code, vectors.json()["type"]) == (422, "Validation")
    with Tei(slots=0) as busy:
        assert post(busy, "/rerank", {"query": QUERY, "texts": TEXTS}).status_code == 429
    with Tei(key=KEY) as locked:
        refused = post(locked, "/rerank", {"query": QUERY, "texts": TEXTS}, key="sk-wrong")
    assert (refused.status_code, refused.content) == (401, b"")
    with Tei(reranker=False) as other:
        assert post(other, "/rerank", {"query": QUERY, "texts": TEXTS}).status_code == 424


def test_tei_and_llama_cpp_say_who_they_are() -> None:
    with Tei() as tei, Vllm() as vllm, LlamaCpp() as llamacpp, Infinity() as infinity, LiteLlm() as litellm:
        info = CLIENT.get(tei.origin + "/info").json()
        assert (info["max_client_batch_size"], list(info["model_type"])) == (32, ["reranker"])
        assert CLIENT.get(vllm.origin + "/version").json() == {"version": "0.33.0"}
        assert CLIENT.get(llamacpp.origin + "/health").headers["server"] == "llama.cpp"
        assert "Infinity" in CLIENT.get(infinity.origin + "/openapi.json").json()["info"]["title"]
        assert "LiteLLM" in CLIENT.get(litellm.origin + "/openapi.json").json()["info"]["title"]


def test_infinity_hands_back_what_it_refuses() -> None:
    with Infinity(limit=2) as server:
        answer = post(server, "/rerank", WAYS["infinity"].body)
        unknown = post(server, "/rerank", {**WAYS["infinity"].body, "model": "other"})
        wrong_kind = post(
            server, "/rerank", {**WAYS["infinity"].body, "model": Infinity.embedder, "documents": ["a"]}
        )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["input"] == TEXTS
    assert (unknown.status_code, wrong_kind.status_code) == (422, 400)


def test_llama_cpp_takes_the_fault_of_the_client_upon_itself() -> None:
    with LlamaCpp(longest=10) as server:
        too_long = post(server, "/rerank", {"query": QUERY, "documents": ["long " * 30]})
        no_json = CLIENT.post(server.origin + "/rerank", content=b"{")
        negative = post(server, "/rerank", {"query": "q", "documents": ["a"], "top_n": -1})
        nothing = post(server, "/rerank", {"query": "q", "documents": ["a"], "top_n": 0})
    assert (too_long.status_code, no_json.status_code, negative.status_code) == (500, 500, 500)
    assert nothing.json()["results"] == []
    with LlamaCpp(reranking=False) as other:
        assert post(other, "/rerank", {"query": "q", "documents": ["a"]}).status_code == 501


def test_calls_are_kept_for_a_test_to_read() -> None:
    with Cohere() as server:
        post(server, "/v2/rerank", WAYS["cohere-v2"].body)
    (call,) = server.calls
    assert (call.method, call.path, call.json()["query"]) == ("POST", "/v2/rerank", QUERY)
    assert call.headers["authorization"] == f"Bearer {KEY}"
