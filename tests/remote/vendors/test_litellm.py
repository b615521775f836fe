"""LiteLLM reads the rerank of providers that have no client of their own to take a base URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from remote.servers.cohere import Cohere
from remote.servers.deepinfra import DeepInfra
from remote.servers.fireworks import Fireworks
from remote.servers.infinity import Infinity
from remote.servers.jina import Jina
from remote.servers.litellm import LiteLlm
from remote.servers.nvidia import Nvidia
from remote.servers.scoring import Score, logit, probability
from remote.servers.tei import Tei
from remote.servers.vllm import Vllm
from remote.servers.voyage import Voyage
from remote.servers.wire import Server

KEY = "sk-vendor-0123456789"
QUERY = "when does the last train leave"
TEXTS = ["bread needs an hour", "the last train leaves at ten", "when the train is late we leave"]


@dataclass(frozen=True)
class Provider:
    """How LiteLLM is told of a server."""

    server: type[Server]
    name: str
    path: str = ""
    model: str | None = None
    score: Score = probability
    asked: dict[str, Any] = field(default_factory=dict)


PROVIDERS = [
    Provider(Cohere, "cohere", "/v2/rerank"),
    Provider(Jina, "jina_ai"),
    Provider(Voyage, "voyage"),
    Provider(Fireworks, "fireworks_ai"),
    Provider(DeepInfra, "deepinfra", "/v1"),
    Provider(Infinity, "infinity"),
    Provider(Vllm, "hosted_vllm", "/v1/rerank"),
    Provider(Tei, "huggingface"),
    Provider(Nvidia, "nvidia_nim", model="ranking/" + Nvidia.model, score=logit),
    Provider(LiteLlm, "litellm_proxy"),
]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_litellm_reads(
    provider: Provider,
    vendor: Callable[[str], ModuleType],
    ranked: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Or it asks the network for prices when it is imported.
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = vendor("litellm")
    with provider.server(key=KEY) as server:
        answer = litellm.rerank(
            model=f"{provider.name}/{provider.model or server.model}",  # type: ignore[attr-defined]
            query=QUERY,
            documents=TEXTS,
            api_base=server.origin + provider.path,
            api_key=KEY,
        )
    # Some are read in the order of the request.
    found = sorted(answer.results, key=lambda row: -row["relevance_score"])
    ranked([(row["index"], row["relevance_score"]) for row in found], score=provider.score)
