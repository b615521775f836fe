"""Jina's `/v1/rerank`: Cohere's fields, `document` as a bare string, and usage in tokens."""

from __future__ import annotations

from typing import ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXTS
from remote.servers.hosted import Hosted
from remote.servers.scoring import order, tokens
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["Jina"]


class Jina(Hosted):
    """Documents come back unless the request says `return_documents: false`."""

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "jina-reranker-v2-base-multilingual"
    documents_limit: ClassVar[int] = 2048
    status_of_bad_fields: ClassVar[int] = 422

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/rerank"): self.rerank}

    def refusal(self, status: int, message: str) -> Answer:
        return as_json({"detail": message}, status)

    def rerank(self, call: Call) -> Answer:
        optional = {"top_n": COUNT, "return_documents": FLAG, "truncation": FLAG}
        body = self.read(call, {"model": TEXT, "query": TEXT, "documents": TEXTS}, optional)
        query, documents = body["query"], body["documents"]
        self.count(documents)
        given_back = body.get("return_documents", True)
        return as_json(
            {
                "model": self.model,
                "object": "list",
                "usage": {"total_tokens": tokens(query, *documents)},
                "results": [
                    {
                        "index": index,
                        "relevance_score": score,
                        **({"document": documents[index]} if given_back else {}),
                    }
                    for index, score in order(query, documents)[: body.get("top_n")]
                ],
            }
        )
