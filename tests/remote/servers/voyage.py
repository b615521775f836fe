"""Voyage: `/v1/rerank` with `top_k` and results under `data`, and `/v1/embeddings`."""

from __future__ import annotations

from typing import ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXT_OR_TEXTS, TEXTS
from remote.servers.hosted import Hosted
from remote.servers.openai import embeddings
from remote.servers.scoring import order, tokens
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["Voyage"]


class Voyage(Hosted):
    """1,000 documents; every argument that it does not know is refused by name."""

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "rerank-2.5"
    embedder: ClassVar[str] = "voyage-3.5"

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/rerank"): self.rerank, ("POST", "/v1/embeddings"): self.embed}

    def refusal(self, status: int, message: str) -> Answer:
        return as_json({"detail": message}, status)

    def rerank(self, call: Call) -> Answer:
        optional = {"top_k": COUNT, "return_documents": FLAG, "truncation": FLAG}
        body = self.read(call, {"model": TEXT, "query": TEXT, "documents": TEXTS}, optional)
        query, documents = body["query"], body["documents"]
        self.count(documents)
        return as_json(
            {
                "object": "list",
                "data": [
                    {
                        "relevance_score": score,
                        "index": index,
                        **({"document": documents[index]} if body.get("return_documents") else {}),
                    }
                    for index, score in order(query, documents)[: body.get("top_k")]
                ],
                "model": self.model,
                "usage": {"total_tokens": tokens(query, *documents)},
            }
        )

    def embed(self, call: Call) -> Answer:
        optional = {
            "model": TEXT,
            "input_type": TEXT,
            "truncation": FLAG,
            "output_dimension": COUNT,
            "output_dtype": TEXT,
            "encoding_format": TEXT,
        }
        body = self.read(call, {"input": TEXT_OR_TEXTS}, optional)
        if body.get("model") != self.embedder:
            raise self.refuse(400, f"Model {body.get('model')} is not supported.")
        if body.get("encoding_format") not in (None, "base64"):
            raise self.refuse(400, "encoding_format must be null or base64")
        answer = embeddings(body, model=self.embedder)
        return as_json({**answer, "usage": {"total_tokens": answer["usage"]["total_tokens"]}})
