"""Xinference's `/v1/rerank`: Cohere v1 with `meta.tokens`, and most errors as 500."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXT_OR_TEXTS, TEXTS, Kind, problem
from remote.servers.openai import embeddings
from remote.servers.scoring import order, tokens
from remote.servers.wire import Answer, Call, RefusedError, Route, Server, as_json

__all__ = ["Xinference"]


class Xinference(Server):
    """`kwargs` is a string that holds JSON; vectors are never base64, whatever was asked for.

    Args:
        key: presented as a bearer token.
        latency: seconds that every answer takes.
        limited: whether the model takes no more requests, which it answers with 429.
    """

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "bge-reranker-v2-m3"

    def __init__(self, *, key: str | None = None, latency: float = 0.0, limited: bool = False) -> None:
        super().__init__(key=key, latency=latency)
        self.limited = limited

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/rerank"): self.rerank, ("POST", "/v1/embeddings"): self.embed}

    def admit(self, call: Call) -> None:
        if not self.bearer(call):
            raise RefusedError(as_json({"detail": "Could not validate credentials"}, 401))

    def rerank(self, call: Call) -> Answer:
        optional = {
            "top_n": COUNT,
            "return_documents": FLAG,
            "return_len": FLAG,
            "max_chunks_per_doc": COUNT,
            "kwargs": TEXT,
        }
        body = self._read(call, {"model": TEXT, "query": TEXT, "documents": TEXTS}, optional)
        query, documents = body["query"], body["documents"]
        counted = {"input_tokens": tokens(query, *documents), "output_tokens": 0}
        return as_json(
            {
                "id": "0123",
                "results": [
                    {
                        "index": index,
                        "relevance_score": score,
                        "document": {"text": documents[index]} if body.get("return_documents") else None,
                    }
                    for index, score in order(query, documents)[: body.get("top_n")]
                ],
                "meta": {
                    "api_version": None,
                    "billed_units": None,
                    "tokens": counted if body.get("return_len") else None,
                    "warnings": None,
                },
            }
        )

    def embed(self, call: Call) -> Answer:
        optional = {"encoding_format": TEXT, "dimensions": COUNT, "user": TEXT}
        body = self._read(call, {"model": TEXT, "input": TEXT_OR_TEXTS}, optional)
        return as_json(embeddings(body, model=self.model, base64_too=False))

    def _read(self, call: Call, required: dict[str, Kind], optional: dict[str, Kind]) -> dict[str, Any]:
        body = call.json()
        wrong = problem(body, required=required, optional=optional, closed=False)
        if wrong is not None:
            raise RefusedError(as_json({"detail": f"[address=127.0.0.1:0, pid=1] {wrong}"}, 500))
        if body["model"] != self.model:
            message = f"Model not found in the model list, uid: {body['model']}"
            raise RefusedError(as_json({"detail": message}, 400))
        if self.limited:
            raise RefusedError(as_json({"detail": "Rate limit reached for the model."}, 429))
        read: dict[str, Any] = body
        return read
