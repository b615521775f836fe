"""LiteLLM's proxy: Cohere's fields on three paths, and the errors of others in a shape of its own."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXTS, problem
from remote.servers.openai import embeddings
from remote.servers.scoring import order, tokens
from remote.servers.wire import Answer, Call, RefusedError, Route, Server, as_json

__all__ = ["LiteLlm"]


class LiteLlm(Server):
    """A proxy of one model; unknown fields are dropped.

    Args:
        key: presented as a bearer token.
        latency: seconds that every answer takes.
        limited: answer with 429, as when what is behind it does; the Retry-After is lost on the way.
    """

    model: ClassVar[str] = "reranker"

    def __init__(self, *, key: str | None = None, latency: float = 0.0, limited: bool = False) -> None:
        super().__init__(key=key, latency=latency)
        self.limited = limited

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/openapi.json"): self.openapi,
            **{("POST", f"{prefix}/rerank"): self.rerank for prefix in ("", "/v1", "/v2")},
            **{("POST", f"{prefix}/embeddings"): self.embed for prefix in ("", "/v1")},
        }

    def admit(self, call: Call) -> None:
        if call.path != "/openapi.json" and not self.bearer(call):
            raise RefusedError(
                _error(401, "Authentication Error, Invalid proxy server token passed.", "auth_error")
            )

    def openapi(self, call: Call) -> Answer:
        return as_json(
            {"openapi": "3.1.0", "info": {"title": "LiteLLM API", "version": "1.109.1"}, "paths": {}}
        )

    def rerank(self, call: Call) -> Answer:
        body = self._read(call, "documents")
        wrong = problem(
            body,
            required={"query": TEXT, "documents": TEXTS},
            optional={"model": TEXT, "top_n": COUNT, "return_documents": FLAG, "max_tokens_per_doc": COUNT},
            closed=False,
        )
        if wrong is not None:
            raise RefusedError(_error(400, f"litellm.BadRequestError: {wrong}", "invalid_request_error"))
        query, documents = body["query"], body["documents"]
        used = tokens(query, *documents)
        return as_json(
            {
                "id": "0123",
                "results": [
                    {"index": index, "relevance_score": score}
                    for index, score in order(query, documents)[: body.get("top_n")]
                ],
                "meta": {
                    "billed_units": {"search_units": 1},
                    "tokens": {"input_tokens": used, "output_tokens": 0},
                },
            }
        )

    def embed(self, call: Call) -> Answer:
        return as_json(embeddings(self._read(call, "input"), model=self.model))

    def _read(self, call: Call, needed: str) -> dict[str, Any]:
        body: dict[str, Any] = call.json()
        if body.get("model") != self.model:
            message = f"Invalid model name passed in model={body.get('model')}. Call `/v1/models` to view"
            raise RefusedError(_error(400, message, "invalid_request_error"))
        if self.limited:
            raise RefusedError(_error(429, "litellm.RateLimitError: upstream is limited", "throttling_error"))
        if needed not in body:
            raise RefusedError(_error(400, f"missing {needed}", "invalid_request_error"))
        return body


def _error(status: int, message: str, type_: str) -> Answer:
    """The code is a string, as the proxy writes it."""
    return as_json({"error": {"message": message, "type": type_, "param": None, "code": str(status)}}, status)
