"""vLLM: rerank on three paths, pairs on `/score`, embeddings, and a key that guards `/v1` alone."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXT_OR_TEXTS, TEXTS, WHATEVER, Kind, problem
from remote.servers.openai import embeddings, error
from remote.servers.scoring import logit, order, probability, tokens
from remote.servers.wire import Answer, Call, RefusedError, Route, Server, as_json

__all__ = ["Vllm"]

# Extra fields are allowed and ignored.
_COMMON: dict[str, Kind] = {
    "model": TEXT,
    "user": TEXT,
    "truncate_prompt_tokens": COUNT,
    "truncation_side": TEXT,
    "priority": COUNT,
    "use_activation": FLAG,
    "instruction": TEXT,
    "mm_processor_kwargs": WHATEVER,
}


class Vllm(Server):
    """A server of one model.

    Args:
        key: as its `--api-key`: asked for on paths that begin with `/v1` only.
        latency: seconds that every answer takes.
        longest: words that query and text may have together, unless the request truncates.
        reranker: whether the model has the task; else the rerank and score paths answer 501.
    """

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "BAAI/bge-reranker-v2-m3"

    def __init__(
        self, *, key: str | None = None, latency: float = 0.0, longest: int = 512, reranker: bool = True
    ) -> None:
        super().__init__(key=key, latency=latency)
        self.longest = longest
        self.reranker = reranker

    def routes(self) -> dict[tuple[str, str], Route]:
        rerank = {("POST", f"{prefix}/rerank"): self.rerank for prefix in ("", "/v1", "/v2")}
        score = {("POST", f"{prefix}/score"): self.score for prefix in ("", "/v1")}
        return {
            **rerank,
            **score,
            ("POST", "/v1/embeddings"): self.embed,
            ("GET", "/version"): lambda call: as_json({"version": "0.33.0"}),
            ("GET", "/v1/models"): self.models,
        }

    def admit(self, call: Call) -> None:
        if call.path.startswith("/v1") and not self.bearer(call):
            raise RefusedError(as_json({"error": "Unauthorized"}, 401))

    def broken(self, call: Call, problem: ValueError) -> Answer:
        return error(400, f"JSON decode error: {problem}", "Bad Request", None, 400)

    def models(self, call: Call) -> Answer:
        card = {"id": self.model, "object": "model", "owned_by": "vllm", "max_model_len": self.longest}
        return as_json({"object": "list", "data": [card]})

    def rerank(self, call: Call) -> Answer:
        body = self._read(
            call,
            {"query": TEXT, "documents": TEXTS},
            {**_COMMON, "top_n": COUNT, "max_tokens_per_doc": COUNT, "return_documents": FLAG},
        )
        query, documents = body["query"], body["documents"]
        self._measure([(query, document) for document in documents], body)
        ranked = order(query, documents, _scale(body))
        kept = ranked[: body["top_n"]] if body.get("top_n", 0) > 0 else ranked
        used = tokens(query, *documents)
        return as_json(
            {
                "id": "rerank-0123456789abcdef",
                "model": self.model,
                "usage": {"prompt_tokens": used, "total_tokens": used},
                "results": [
                    {
                        "index": index,
                        "document": {"text": documents[index], "multi_modal": None},
                        "relevance_score": score,
                    }
                    for index, score in kept
                ],
            }
        )

    def score(self, call: Call) -> Answer:
        named = call.json()
        first, second = "text_1", "text_2"
        if isinstance(named, dict) and "queries" in named:
            first, second = "queries", "documents"
        body = self._read(call, {first: TEXT_OR_TEXTS, second: TEXT_OR_TEXTS}, _COMMON)
        left, right = _listed(body[first]), _listed(body[second])
        if len(left) == 1:
            left = left * len(right)
        if len(left) != len(right):
            raise RefusedError(_bad("Input lengths must be either 1:1, 1:N or N:N"))
        pairs = list(zip(left, right, strict=True))
        self._measure(pairs, body)
        scale = _scale(body)
        used = tokens(*left, *right)
        return as_json(
            {
                "id": "score-0123456789abcdef",
                "object": "list",
                "created": 1_790_000_000,
                "model": self.model,
                "data": [
                    {"index": index, "object": "score", "score": scale(*pair)}
                    for index, pair in enumerate(pairs)
                ],
                "usage": {"prompt_tokens": used, "total_tokens": used, "completion_tokens": 0},
            }
        )

    def embed(self, call: Call) -> Answer:
        body = call.json()
        optional = {**_COMMON, "encoding_format": TEXT, "dimensions": COUNT, "endianness": TEXT}
        wrong = problem(body, required={"input": TEXT_OR_TEXTS}, optional=optional, closed=False)
        if wrong is not None:
            raise RefusedError(_bad(str(wrong), wrong.field))
        self._check_model(body)
        return as_json({"id": "embd-0123", "created": 1_790_000_000, **embeddings(body, model=self.model)})

    def _read(self, call: Call, required: dict[str, Kind], optional: dict[str, Kind]) -> dict[str, Any]:
        if not self.reranker:
            message = "The model does not support Score API"
            raise RefusedError(error(501, message, "NotImplementedError", None, 501))
        body = call.json()
        wrong = problem(body, required=required, optional=optional, closed=False)
        if wrong is not None:
            raise RefusedError(_bad(str(wrong), wrong.field))
        self._check_model(body)
        read: dict[str, Any] = body
        return read

    def _check_model(self, body: dict[str, Any]) -> None:
        if body.get("model") not in (None, self.model):
            message = f"The model `{body['model']}` does not exist."
            raise RefusedError(error(404, message, "NotFoundError", "model", 404))

    def _measure(self, pairs: list[tuple[str, str]], body: dict[str, Any]) -> None:
        if not pairs:
            raise RefusedError(_bad("At least one text element must be given"))
        for pair in pairs:
            if tokens(*pair) > self.longest and body.get("truncate_prompt_tokens") is None:
                raise RefusedError(
                    _bad(
                        f"This model's maximum context length is {self.longest} tokens. However, your "
                        f"request has {tokens(*pair)} input tokens. Please reduce the length of the input."
                    )
                )


def _bad(message: str, param: str | None = None) -> Answer:
    return error(400, message, "BadRequestError", param, 400)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _scale(body: dict[str, Any]) -> Any:
    return logit if body.get("use_activation") is False else probability
