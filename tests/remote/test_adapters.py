"""The frameworks' components over a server: keys in each framework's own form, and what only they have."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from remote.servers.cohere import Cohere
from remote.servers.openai import OpenAI
from remote.servers.scoring import probability, vector
from remote.servers.tei import Tei

from pertinence import AuthenticationError, OptionError

QUERY = "old mill river"
TEXTS = ["Taxes are due in May", "an old mill on the river", "a river in spring"]
KEY = "sk-test-0123456789"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERTINENCE_API_KEY", raising=False)


def test_llama_index_embeds_through_a_server() -> None:
    from llama_index.embeddings.pertinence import PertinenceEmbedding

    with OpenAI(key=KEY) as server:
        embedding = PertinenceEmbedding(model_name=server.model, base_url=server.url, api_key=KEY)
        vectors = embedding.get_text_embedding_batch(TEXTS)
        assert vectors == [pytest.approx(vector(text), abs=1e-6) for text in TEXTS]
        assert embedding.get_query_embedding(QUERY) == pytest.approx(vector(QUERY), abs=1e-6)
        assert asyncio.run(embedding.aget_text_embedding(TEXTS[0])) == vectors[0]


def test_langchain_scores_pairs_through_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_pertinence import PertinenceCrossEncoder

    with Tei(key=KEY) as server:
        monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
        encoder = PertinenceCrossEncoder(base_url=server.url, dialect="tei")
        scores = encoder.score([(QUERY, text) for text in TEXTS])
    assert scores == pytest.approx([probability(QUERY, text) for text in TEXTS], abs=1e-6)


def langchain(**options: Any) -> Any:
    from langchain_core.documents import Document

    from langchain_pertinence import PertinenceRerank

    reranker = PertinenceRerank(**options)
    return lambda: reranker.compress_documents([Document(page_content=text) for text in TEXTS], QUERY)


def llama_index(**options: Any) -> Any:
    from llama_index.core.schema import NodeWithScore, TextNode

    from llama_index.postprocessor.pertinence import PertinenceRerank

    reranker = PertinenceRerank(**options)
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]
    return lambda: reranker.postprocess_nodes(nodes, query_str=QUERY)


def haystack(**options: Any) -> Any:
    from haystack import Document
    from haystack.utils import Secret

    from haystack_integrations.components.rankers.pertinence import PertinenceRanker

    if "api_key" in options:
        options["api_key"] = Secret.from_token(options["api_key"])
    ranker = PertinenceRanker(**options)
    return lambda: ranker.run(QUERY, [Document(content=text) for text in TEXTS])["documents"]


@pytest.fixture(params=[langchain, llama_index, haystack], ids=lambda each: each.__name__)
def made(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_key_is_given_read_from_the_environment_or_missed(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cohere(key=KEY) as server:
        options = {"base_url": server.url, "model": server.model}
        assert len(made(**options, api_key=KEY)()) == 3
        with pytest.raises(AuthenticationError, match="PERTINENCE_API_KEY"):
            made(**options)()
        monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
        assert len(made(**options)()) == 3


def test_a_bad_value_is_refused_when_the_component_is_made(made: Any) -> None:
    with pytest.raises(OptionError, match="base_url is no full URL"):
        made(base_url="localhost:8080")
    with pytest.raises(OptionError, match="looks like a key"):
        made(base_url="http://localhost:8080", headers={"X-Api-Key": KEY})


def test_an_unknown_dialect_is_refused_when_it_is_used(made: Any) -> None:
    with pytest.raises(OptionError, match="there is no dialect 'nobody'"):
        made(base_url="http://localhost:8080", dialect="nobody")()


def test_haystack_says_which_kind_of_scores_a_server_gave() -> None:
    from haystack import Document

    from haystack_integrations.components.rankers.pertinence import PertinenceRanker

    documents = [Document(content=text) for text in TEXTS]
    with Cohere() as server:
        ranker = PertinenceRanker(model=server.model, base_url=server.url)
        assert ranker.run(QUERY, documents)["meta"]["score_kind"] == "raw"
        with pytest.raises(OptionError, match="score_kind='probability' cannot be had"):
            ranker.run(QUERY, documents, scale_score=True)
    with Tei() as server:
        ranker = PertinenceRanker(base_url=server.url, dialect="tei")
        assert ranker.run(QUERY, documents)["meta"]["score_kind"] == "probability"
        assert ranker.run(QUERY, documents, scale_score=False)["meta"]["score_kind"] == "logit"
