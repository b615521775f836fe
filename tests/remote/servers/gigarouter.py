"""A host that takes a model's name and pairs, as gigarouter says of itself; path and fields are free."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import COUNT, TEXT, TEXT_OR_TEXTS
from remote.servers.hosted import Hosted
from remote.servers.openai import embeddings, error
from remote.servers.scoring import probability, tokens
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["Gigarouter"]


class Gigarouter(Hosted):
    """Scores between 0 and 1 for query-passage pairs, in input order, and OpenAI's embeddings.

    No page says where it reranks and under which names, so a test says it.

    Args:
        key: presented as a bearer token.
        latency: seconds that every answer takes.
        limit: pairs that one request may hold.
        path: where pairs go to.
        pairs: the field that holds them.
        names: the fields of a pair that is an object; None for a pair that is a list.
        scores: the field that holds the scores.
    """

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "giga-reranker"
    embedder: ClassVar[str] = "giga-embedder"

    def __init__(
        self,
        *,
        key: str | None = None,
        latency: float = 0.0,
        limit: int | None = None,
        path: str = "/rerank",
        pairs: str = "input",
        names: tuple[str, str] | None = None,
        scores: str = "scores",
    ) -> None:
        super().__init__(key=key, latency=latency, limit=limit)
        self.path = path
        self.pairs = pairs
        self.names = names
        self.scores = scores

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("POST", self.prefix + self.path): self.rerank,
            ("POST", "/v1/embeddings"): self.embed,
        }

    def refusal(self, status: int, message: str) -> Answer:
        return error(status, message, "invalid_request_error", None, status)

    def rerank(self, call: Call) -> Answer:
        body = self.read(call, {"model": TEXT, self.pairs: self._are_pairs}, {})
        pairs = [self._pair(each) for each in body[self.pairs]]
        self.count(pairs)
        used = sum(tokens(*pair) for pair in pairs)
        scores = [probability(*pair) for pair in pairs]
        return as_json({"model": self.model, self.scores: scores, "usage": {"total_tokens": used}})

    def embed(self, call: Call) -> Answer:
        optional = {"encoding_format": TEXT, "dimensions": COUNT, "user": TEXT, "model": TEXT}
        body = self.read(call, {"input": TEXT_OR_TEXTS}, optional)
        if body.get("model") != self.embedder:
            raise self.refuse(404, f"The model `{body.get('model')}` does not exist")
        return as_json(embeddings(body, model=self.embedder))

    def _are_pairs(self, value: Any) -> bool:
        return isinstance(value, list) and all(map(self._is_pair, value))

    def _is_pair(self, value: Any) -> bool:
        if self.names is None:
            return (
                isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)
            )
        named = isinstance(value, dict) and value.keys() == set(self.names)
        return named and all(isinstance(each, str) for each in value.values())

    def _pair(self, value: Any) -> tuple[str, str]:
        first, second = value if self.names is None else (value[name] for name in self.names)
        return first, second
