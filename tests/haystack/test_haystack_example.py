"""`examples/haystack_hybrid.py` over a server: a small one that serves the models of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from remote.servers.wire import Answer, Call, Route, Server, as_json

from pertinence import Embedder, Reranker

pytest.importorskip("haystack_integrations.components.retrievers.qdrant")

EXAMPLE = Path(__file__).parents[2] / "examples" / "haystack_hybrid.py"


class Serving(Server):
    """Embeds and reranks as many servers do, with real models."""

    def __init__(self, embedder: Embedder, reranker: Reranker) -> None:
        super().__init__()
        self.embedder, self.reranker = embedder, reranker

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/embeddings"): self.embed, ("POST", "/v1/rerank"): self.rerank}

    def embed(self, call: Call) -> Answer:
        vectors = self.embedder.embed_documents(call.json()["input"]).tolist()
        return as_json({"data": [{"index": place, "embedding": each} for place, each in enumerate(vectors)]})

    def rerank(self, call: Call) -> Answer:
        body = call.json()
        ranking = self.reranker.rank(body["query"], body["documents"])
        return as_json(
            {"results": [{"index": each.index, "relevance_score": each.score} for each in ranking]}
        )


def test_a_server_takes_the_place_of_this_machine(packaged: str) -> None:
    with Embedder(packaged) as embedder, Reranker() as reranker, Serving(embedder, reranker) as server:
        arguments = ["--base-url", f"{server.origin}/v1", "--embedder", "some-embedder"]
        done = subprocess.run(
            [sys.executable, str(EXAMPLE), *arguments, "--reranker", "some-reranker"],
            capture_output=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, "PERTINENCE_API_KEY": ""},
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("scored by some-reranker, as raw") == 3
    asked = Counter(call.path for call in server.calls)
    assert asked["/v1/rerank"] == 3  # one a question
    assert asked["/v1/embeddings"] > 3  # and the passages
