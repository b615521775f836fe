"""Fireworks' `/inference/v1/rerank`: Cohere's request, results under `data`."""

from __future__ import annotations

from typing import ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXTS
from remote.servers.hosted import Hosted
from remote.servers.scoring import order, tokens
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["Fireworks"]


class Fireworks(Hosted):
    """Documents come back as bare strings unless the request says `return_documents: false`."""

    prefix: ClassVar[str] = "/inference/v1"
    model: ClassVar[str] = "fireworks/qwen3-reranker-8b"

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/inference/v1/rerank"): self.rerank}

    def refusal(self, status: int, message: str) -> Answer:
        return as_json(
            {"error": {"object": "error", "type": "invalid_request_error", "message": message}}, status
        )

    def rerank(self, call: Call) -> Answer:
        optional = {"top_n": COUNT, "return_documents": FLAG, "task": TEXT}
        body = self.read(call, {"model": TEXT, "query": TEXT, "documents": TEXTS}, optional)
        query, documents = body["query"], body["documents"]
        self.count(documents)
        given_back = body.get("return_documents", True)
        used = tokens(query, *documents)
        return as_json(
            {
                "object": "list",
                "model": "accounts/fireworks/models/qwen3-reranker-8b",
                "data": [
                    {
                        "index": index,
                        "relevance_score": score,
                        "document": documents[index] if given_back else None,
                    }
                    for index, score in order(query, documents)[: body.get("top_n")]
                ],
                "usage": {"prompt_tokens": used, "completion_tokens": 0, "total_tokens": used},
            }
        )
