"""The conformance suites over models of this machine, held open meanwhile, and over a server of vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from remote.servers.tei import Tei

from pertinence import Embedder, Reranker
from pertinence.testing.conformance import EmbedderModelConformance, ModelConformance
from support.remote import KEY

__all__ = ["EmbeddedConformance", "LocalConformance", "LocalVectorsConformance", "RemoteVectorsConformance"]


class EmbeddedConformance(ModelConformance):
    """Set `driver`; the model is the embedded default."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def held(cls) -> Iterator[None]:
        with Reranker() as reranker:
            reranker.warm_up()
            yield


class LocalConformance(ModelConformance):
    """Set `driver`; the model is one of random weights, in a folder of this machine."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def held(cls, model_folder: Callable[[str], Path]) -> Iterator[None]:
        options: dict[str, Any] = {"backend": "torch", "dtype": "float32"}
        with Reranker(model_folder("tiny"), **options) as reranker:
            reranker.warm_up()
            cls.options = {"model": reranker.options.model, **options}
            yield


class LocalVectorsConformance(EmbedderModelConformance):
    """Set `driver`; the model is one of random weights, with prompts of its own."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def held(cls, tiny_embedder: Embedder) -> None:
        cls.options = {"model": tiny_embedder.options.model, "dtype": tiny_embedder.options.dtype}


class RemoteVectorsConformance(EmbedderModelConformance):
    """Set `driver`; the key comes from the environment, as a user's would."""

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tei]:
        with Tei(key=KEY) as server:
            monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
            options = {"model": server.model, "base_url": f"{server.url}/v1"}
            monkeypatch.setattr(type(self), "options", options)
            yield server
