"""Infinity: Cohere's fields, no prefix, and errors of validation that hand back all that was sent."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXT_OR_TEXTS, TEXTS, Kind, problem
from remote.servers.openai import embeddings, error
from remote.servers.scoring import logit, order, probability, tokens
from remote.servers.wire import Answer, Call, RefusedError, Route, Server, as_json

__all__ = ["Infinity"]


class Infinity(Server):
    """A server of two models; unknown fields are ignored. The recordings hold what the real one says.

    Args:
        key: presented as a bearer token.
        latency: seconds that every answer takes.
        limit: texts that one request may hold.
        overloaded: whether its queue is full, which it answers with 429 and no Retry-After.
    """

    model: ClassVar[str] = "reranker"
    embedder: ClassVar[str] = "embedder"

    def __init__(
        self, *, key: str | None = None, latency: float = 0.0, limit: int = 2048, overloaded: bool = False
    ) -> None:
        super().__init__(key=key, latency=latency)
        self.limit = limit
        self.overloaded = overloaded

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/openapi.json"): self.openapi,
            ("POST", "/rerank"): self.rerank,
            ("POST", "/embeddings"): self.embed,
        }

    def admit(self, call: Call) -> None:
        if call.path != "/openapi.json" and not self.bearer(call):
            raise RefusedError(as_json({"detail": "Unauthorized"}, 401, {"WWW-Authenticate": "Bearer"}))

    def openapi(self, call: Call) -> Answer:
        title = "♾️ Infinity - Embedding Inference Server"
        return as_json({"openapi": "3.1.0", "info": {"title": title, "version": "0.0.78"}, "paths": {}})

    def rerank(self, call: Call) -> Answer:
        optional = {"model": TEXT, "return_documents": FLAG, "raw_scores": FLAG, "top_n": COUNT}
        body = self._read(
            call, {"query": TEXT, "documents": TEXTS}, optional, "documents", self.model, "rerank"
        )
        if body.get("top_n") is not None and body["top_n"] <= 0:
            raise RefusedError(
                _invalid("greater_than", "Input should be greater than 0", "top_n", body["top_n"])
            )
        query, documents = body["query"].strip(), [document.strip() for document in body["documents"]]
        ranked = order(query, documents, logit if body.get("raw_scores") else probability)
        used = tokens(query, *documents)
        return as_json(
            {
                "object": "rerank",
                "results": [
                    {
                        "relevance_score": score,
                        "index": index,
                        "document": documents[index] if body.get("return_documents") else None,
                    }
                    for index, score in ranked[: body.get("top_n")]
                ],
                "model": self.model,
                "usage": {"prompt_tokens": used, "total_tokens": used},
                "id": "infinity-0123",
                "created": 1_790_000_000,
            }
        )

    def embed(self, call: Call) -> Answer:
        optional = {
            "model": TEXT,
            "encoding_format": TEXT,
            "user": TEXT,
            "dimensions": COUNT,
            "modality": TEXT,
        }
        body = self._read(call, {"input": TEXT_OR_TEXTS}, optional, "input", self.embedder, "embed")
        answer = embeddings(body, model=self.embedder)
        return as_json({**answer, "id": "infinity-0123", "created": 1_790_000_000})

    def _read(
        self,
        call: Call,
        required: dict[str, Kind],
        optional: dict[str, Kind],
        texts: str,
        model: str,
        capability: str,
    ) -> dict[str, Any]:
        body = call.json()
        wrong = problem(body, required=required, optional=optional, closed=False)
        if wrong is not None:
            type_ = "missing" if wrong.what == "missing" else f"{wrong.field}_type"
            raise RefusedError(_invalid(type_, str(wrong), wrong.field, wrong.value))
        given = body[texts]
        if isinstance(given, list) and not given:
            message = "List should have at least 1 item after validation, not 0"
            raise RefusedError(_invalid("too_short", message, texts, given))
        if isinstance(given, list) and len(given) > self.limit:
            message = f"List should have at most {self.limit} items after validation, not {len(given)}"
            raise RefusedError(_invalid("too_long", message, texts, given))
        named = body.get("model", model)
        if named not in (self.model, self.embedder):
            raise RefusedError(
                error(400, f"Invalid model: Engine for model name {named} not found.", None, None, 400)
            )
        if self.overloaded:
            raise RefusedError(error(429, f"model {named} is currently overloaded", None, None, 429))
        if named != model:
            message = f"ModelNotDeployedError: model=`{named}` does not support `{capability}`."
            raise RefusedError(error(400, message, None, None, 400))
        read: dict[str, Any] = body
        return read


def _invalid(type_: str, message: str, field: str, value: Any) -> Answer:
    """FastAPI's answer, with what was sent in it."""
    return as_json({"detail": [{"type": type_, "loc": ["body", field], "msg": message, "input": value}]}, 422)
