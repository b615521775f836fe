"""llama.cpp's server: two shapes on one path, logits in both, and 500 for much that is the client's fault."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import TEXT_OR_TEXTS, TEXTS
from remote.servers.openai import embeddings
from remote.servers.scoring import logit, order, tokens
from remote.servers.wire import Answer, Call, RefusedError, Route, Server, as_json

__all__ = ["LlamaCpp"]


class LlamaCpp(Server):
    """A server of one model, which it does not ask the name of; `texts` in place of `documents` selects
    the shape of TEI. The recordings hold what the real one says.

    Args:
        key: presented as a bearer token.
        latency: seconds that every answer takes.
        longest: words that query and text may have together; more are a 500.
        reranking: whether it was started with `--reranking`.
    """

    software: ClassVar[str] = "llama.cpp"
    model: ClassVar[str] = "reranker.gguf"

    def __init__(
        self, *, key: str | None = None, latency: float = 0.0, longest: int = 512, reranking: bool = True
    ) -> None:
        super().__init__(key=key, latency=latency)
        self.longest = longest
        self.reranking = reranking

    def routes(self) -> dict[tuple[str, str], Route]:
        paths = ("/rerank", "/reranking", "/v1/rerank", "/v1/reranking")
        rerank = {("POST", path): self.rerank for path in paths}
        return {**rerank, ("POST", "/v1/embeddings"): self.embed, ("GET", "/health"): self.health}

    def admit(self, call: Call) -> None:
        if call.path != "/health" and not self.bearer(call):
            raise RefusedError(_error(401, "Invalid API Key", "authentication_error"))

    def unknown(self, call: Call) -> Answer:
        return _error(404, "File Not Found", "not_found_error")

    def broken(self, call: Call, problem: ValueError) -> Answer:
        return _error(500, f"[json.exception.parse_error.101] parse error: {problem}", "server_error")

    def health(self, call: Call) -> Answer:
        return as_json({"status": "ok"})

    def rerank(self, call: Call) -> Answer:
        if not self.reranking:
            message = "This server does not support reranking. Start it with `--reranking`"
            raise RefusedError(_error(501, message, "not_supported_error"))
        body: dict[str, Any] = call.json()
        if "query" not in body:
            raise RefusedError(_error(400, '"query" must be provided', "invalid_request_error"))
        query = body["query"]
        if not isinstance(query, str):
            raise RefusedError(_error(400, '"query" must be a string', "invalid_request_error"))
        documents = body.get("documents", body.get("texts", []))
        if not TEXTS(documents) or not documents:
            message = '"documents" must be a non-empty string array'
            raise RefusedError(_error(400, message, "invalid_request_error"))
        top_n = body.get("top_n", len(documents))
        if top_n < 0:
            raise RefusedError(
                _error(500, "cannot create std::vector larger than max_size()", "server_error")
            )
        for document in documents:
            if tokens(query, document) > self.longest:
                message = (
                    f"input ({tokens(query, document)} tokens) is too large to process. "
                    f"increase the physical batch size (current batch size: {self.longest})"
                )
                raise RefusedError(_error(500, message, "server_error"))
        # Whatever `raw_scores` says.
        ranked = order(query, documents, logit)[:top_n]
        if "texts" in body:
            wanted = body.get("return_text", False)
            return as_json(
                [
                    {"index": index, "score": score, **({"text": documents[index]} if wanted else {})}
                    for index, score in ranked
                ]
            )
        used = tokens(query, *documents)
        return as_json(
            {
                "model": body.get("model", self.model),
                "object": "list",
                "usage": {"prompt_tokens": used, "total_tokens": used},
                "results": [{"index": index, "relevance_score": score} for index, score in ranked],
            }
        )

    def embed(self, call: Call) -> Answer:
        body: dict[str, Any] = call.json()
        if not TEXT_OR_TEXTS(body.get("input")):
            raise RefusedError(_error(400, '"input" or "content" must be provided', "invalid_request_error"))
        return as_json(embeddings(body, model=body.get("model", self.model)))


def _error(status: int, message: str, type_: str) -> Answer:
    return as_json({"error": {"code": status, "message": message, "type": type_}}, status)
