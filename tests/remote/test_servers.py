"""Every family of servers, asked over real HTTP: the order, the scores and their kind are those it gave."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
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

from pertinence import Embedder, OptionError, Reranker
from pertinence.options import Options

QUERY = "old mill river"
TEXTS = [
    "Taxes are due in May",
    "an old mill on the river",
    "a river in spring",
    "an old mill on the river",
    "",
]
KEY = "sk-test-0123456789"


@dataclass(frozen=True)
class Row:
    """One server, how it is asked, and the kind of scores that it gives when none is asked for."""

    server: type[Server]
    dialect: Any
    kind: str
    scale: Callable[[str, str], float] = probability
    prefix: str | None = None

    def url(self, server: Server) -> str:
        return server.url if self.prefix is None else server.origin + self.prefix


ROWS = {
    "TEI /rerank": Row(Tei, "tei", "probability"),
    "TEI /predict": Row(Tei, "tei-predict", "probability"),
    "vLLM /rerank": Row(Vllm, "cohere", "raw", prefix=""),
    "vLLM /v1/rerank": Row(Vllm, "cohere", "raw"),
    "vLLM /v2/rerank": Row(Vllm, "cohere", "raw", prefix="/v2"),
    "vLLM /score": Row(Vllm, "vllm-score", "raw"),
    "Infinity": Row(Infinity, "infinity", "probability"),
    "Infinity as Cohere": Row(Infinity, "cohere", "raw"),
    "llama.cpp": Row(LlamaCpp, "llamacpp", "probability", prefix="/v1"),
    "llama.cpp as Cohere": Row(LlamaCpp, "cohere", "raw", scale=logit),
    "llama.cpp as TEI": Row(LlamaCpp, "tei", "probability"),
    "Xinference": Row(Xinference, None, "raw"),
    "LiteLLM": Row(LiteLlm, None, "raw", prefix="/v2"),
    "Cohere": Row(Cohere, None, "raw"),
    "Jina": Row(Jina, None, "raw"),
    "Voyage": Row(Voyage, "voyage", "raw"),
    "Fireworks": Row(Fireworks, "fireworks", "raw"),
    "Mixedbread": Row(Mixedbread, "mixedbread", "raw"),
    "Pinecone": Row(Pinecone, "pinecone", "raw"),
    "NVIDIA NIM": Row(Nvidia, "nvidia", "probability"),
    "DeepInfra": Row(DeepInfra, "deepinfra", "raw"),
    "gigarouter": Row(Gigarouter, "gigarouter", "probability"),
}


def expected(scale: Callable[[str, str], float] = probability) -> list[float]:
    return [scale(QUERY, text) for text in TEXTS]


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest) -> Row:
    return ROWS[request.param]


@pytest.mark.parametrize("key", [KEY, None], ids=["with a key", "without"])
def test_scores_are_the_servers_own_and_say_what_they_are(row: Row, key: str | None) -> None:
    with row.server(key=key) as server:
        options = {"base_url": row.url(server), "model": server.model, "dialect": row.dialect, "api_key": key}
        with Reranker.from_options(Options.of(options)) as reranker:
            ranking = reranker.rank(QUERY, TEXTS)
    scores = expected(row.scale)
    assert ranking.score_kind == row.kind
    assert [item.index for item in ranking] == sorted(range(5), key=lambda place: -scores[place])
    assert ranking.scores == pytest.approx(sorted(scores, reverse=True), abs=1e-6)
    assert ranking.empty == 1
    # Equal texts are sent once, in one request.
    assert len([call for call in server.calls if call.method == "POST"]) == 1


async def test_the_asynchronous_door_gives_the_same(row: Row) -> None:
    with row.server(key=KEY) as server:
        options = {"base_url": row.url(server), "model": server.model, "dialect": row.dialect, "api_key": KEY}
        async with Reranker.from_options(Options.of(options)) as reranker:
            assert (await reranker.arank(QUERY, TEXTS)).scores == reranker.rank(QUERY, TEXTS).scores


@pytest.mark.parametrize("asked", ["probability", "logit", "raw"])
def test_a_scale_that_is_known_is_converted_and_no_other(row: Row, asked: str) -> None:
    with row.server() as server:
        options = {"base_url": row.url(server), "model": server.model, "dialect": row.dialect}
        known = {"probability": ("probability", "raw"), "raw": ("raw",)}.get(row.kind, ())
        logits = row.dialect in ("tei", "tei-predict", "infinity", "llamacpp", "nvidia")
        if asked not in known and not (logits and asked == "logit"):
            with pytest.raises(OptionError, match=f"score_kind='{asked}' cannot be had: the scale"):
                Reranker.from_options(Options.of({**options, "score_kind": asked}))
            return
        with Reranker.from_options(Options.of({**options, "score_kind": asked})) as reranker:
            scores = reranker.score(QUERY, TEXTS)
            assert reranker.rank(QUERY, TEXTS).score_kind == asked
    scale = logit if asked == "logit" or (logits and asked == "raw") else row.scale
    assert scores.tolist() == pytest.approx(expected(scale), abs=1e-6)


def test_a_scale_that_the_user_knows_may_be_said() -> None:
    with LlamaCpp() as server:
        dialect = {"name": "cohere", "scale": "logit"}
        with Reranker(base_url=server.url, dialect=dialect, score_kind="probability") as reranker:
            assert reranker.score(QUERY, TEXTS).tolist() == pytest.approx(expected(), abs=1e-6)


def test_a_server_that_cuts_in_silence_is_said_to_and_one_that_refuses_has_cut_nothing() -> None:
    with Tei() as server, Reranker(base_url=server.url, dialect="tei") as reranker:
        assert reranker.rank(QUERY, TEXTS).truncated is None
        assert math.isfinite(reranker.score(QUERY, ["river " * 1000])[0])
    with Vllm() as server, Reranker(server.model, base_url=server.url, dialect="vllm-score") as reranker:
        assert reranker.rank(QUERY, TEXTS).truncated == 0


def test_what_the_server_counted_is_told() -> None:
    with Cohere() as server, Reranker(server.model, base_url=server.url) as reranker:
        assert reranker.rank(QUERY, TEXTS).usage


def test_no_documents_need_no_server() -> None:
    with Reranker(base_url="http://127.0.0.1:9") as reranker:
        assert len(reranker.rank(QUERY, [])) == 0


# Embeddings


@pytest.mark.parametrize(
    ("kind", "path"),
    [(OpenAI, ""), (Tei, "/v1"), (Vllm, ""), (Infinity, ""), (LiteLlm, ""), (Xinference, "")],
)
@pytest.mark.parametrize("count", [1, 300])
def test_vectors_come_back_in_the_order_of_the_texts(kind: type[Server], path: str, count: int) -> None:
    texts = [f"text {number}" for number in range(count)]
    with kind(key=KEY) as server:
        model = getattr(server, "embedder", server.model)
        with Embedder(model, base_url=server.url + path, api_key=KEY) as embedder:
            vectors = embedder.embed_documents(texts)
            assert embedder.embed_query("text 0") == pytest.approx(vectors[0], abs=1e-6)
            assert (vectors.dtype, embedder.dims, embedder.symmetric) == (np.float32, len(vector("a")), True)
    assert vectors.tolist() == pytest.approx(np.array([vector(text) for text in texts]), abs=1e-6)


async def test_no_documents_still_have_the_dimensions_of_the_model() -> None:
    with OpenAI() as server:
        async with Embedder(server.model, base_url=server.url) as embedder:
            assert (await embedder.aembed_documents([])).shape == (0, len(vector("a")))


# Detection


@pytest.mark.parametrize(
    ("kind", "prefix", "probability"),
    [
        (Tei, "", True),
        (Vllm, "/v1", False),
        (Infinity, "", True),
        (LlamaCpp, "/v1", True),
        (LiteLlm, "", False),
        (Cohere, "/v2", False),
    ],
)
def test_a_server_is_asked_once_what_it_is(kind: type[Server], prefix: str, probability: bool) -> None:
    with kind(key=KEY) as server:
        url = server.origin + prefix
        with Reranker(server.model, base_url=url, dialect="auto", api_key=KEY) as reranker:
            first = reranker.rank(QUERY, TEXTS)
            asked = len([call for call in server.calls if call.method == "GET"])
            assert reranker.rank(QUERY, TEXTS).scores == first.scores
        assert len([call for call in server.calls if call.method == "GET"]) == asked
    assert first.score_kind == ("probability" if probability else "raw")
    assert first[0].index == 1


def test_a_limit_that_the_server_tells_is_kept_from_the_start() -> None:
    with Tei(limit=5) as server, Reranker(base_url=server.url, dialect="auto") as reranker:
        reranker.rank(QUERY, [f"text {number}" for number in range(12)])
    sizes = [len(call.json()["texts"]) for call in server.calls if call.method == "POST"]
    assert sorted(sizes) == [4, 4, 4]


def test_an_explicit_dialect_is_never_second_guessed() -> None:
    with Tei() as server, Reranker(base_url=server.url, dialect="tei") as reranker:
        reranker.warm_up()
        reranker.rank(QUERY, TEXTS)
    assert {call.method for call in server.calls} == {"POST"}
