"""LangChain's own suites for integrations, unmodified: on this machine and through a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import EmbeddingsIntegrationTests, RetrieversIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests
from remote.servers.infinity import Infinity

from langchain_pertinence import PertinenceEmbeddings, PertinenceRetriever
from support.langchain import FirstStage
from support.texts import QUERY, WORDS

KEY = "key_not_to_be_shown"


class OfEmbeddings:
    """What the suites ask about our embeddings."""

    params: ClassVar[dict[str, Any]] = {"model": "some/model"}

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return PertinenceEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return self.params


class OfRetrievers:
    """What the suite asks about our retriever."""

    params: ClassVar[dict[str, Any]] = {}

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return PertinenceRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": FirstStage(documents=[Document(text) for text in WORDS]), **self.params}

    @property
    def retriever_query_example(self) -> str:
        return QUERY


class Behind:
    """Params that lead to a server with a key."""

    served: ClassVar[str]

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Infinity]:
        with Infinity(key=KEY) as server:
            monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
            monkeypatch.setattr(type(self), "params", {"model": self.served, "base_url": server.url})
            yield server


class TestEmbeddingsUnit(OfEmbeddings, EmbeddingsUnitTests):
    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {"HF_TOKEN": "hf_not_to_be_shown"}
        return environment, self.params, {"model": "some/model", "token": "hf_not_to_be_shown"}


class TestEmbeddingsUnitRemote(OfEmbeddings, EmbeddingsUnitTests):
    params: ClassVar[dict[str, Any]] = {"model": "some/model", "base_url": "http://localhost:8080"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"PERTINENCE_API_KEY": KEY}, self.params, {"model": "some/model", "api_key": KEY}


class TestEmbeddings(OfEmbeddings, EmbeddingsIntegrationTests):
    @pytest.fixture(autouse=True)
    def folder(self, embedder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "params", {"model": str(embedder_folder)})


class TestEmbeddingsRemote(Behind, OfEmbeddings, EmbeddingsIntegrationTests):
    served = Infinity.embedder


class TestRetriever(OfRetrievers, RetrieversIntegrationTests):
    """With the embedded default."""


class TestRetrieverRemote(Behind, OfRetrievers, RetrieversIntegrationTests):
    served = Infinity.model
