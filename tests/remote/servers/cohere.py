"""Cohere's `/v1/rerank` and `/v2/rerank`: the shape that most others follow."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXTS, WHATEVER, Kind
from remote.servers.hosted import Hosted
from remote.servers.scoring import order, probability
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["Cohere"]

_META = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}


class Cohere(Hosted):
    """10,000 documents; v1 also takes documents as objects and gives them back."""

    prefix: ClassVar[str] = "/v2"
    model: ClassVar[str] = "rerank-v3.5"
    documents_limit: ClassVar[int] = 10_000

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/rerank"): self.first, ("POST", "/v2/rerank"): self.second}

    def refusal(self, status: int, message: str) -> Answer:
        return as_json({"id": "0123-4567", "message": message}, status)

    def first(self, call: Call) -> Answer:
        optional: dict[str, Kind] = {
            "model": TEXT,
            "top_n": COUNT,
            "return_documents": FLAG,
            "max_chunks_per_doc": COUNT,
            "rank_fields": TEXTS,
        }
        body = self.read(call, {"query": TEXT, "documents": _documents}, optional)
        if body.get("model") not in (None, self.model):
            raise self.refuse(404, f"model '{body['model']}' not found")
        texts = [each if isinstance(each, str) else each["text"] for each in body["documents"]]
        return self._answer(body, texts, body.get("return_documents", False))

    def second(self, call: Call) -> Answer:
        body = self.read(
            call,
            {"model": TEXT, "query": TEXT, "documents": TEXTS},
            {
                "top_n": COUNT,
                "max_tokens_per_doc": COUNT,
                "priority": COUNT,
                "relevant_spans": WHATEVER,
                # Of v1, and yet LiteLLM sends it here too.
                "return_documents": FLAG,
            },
        )
        return self._answer(body, body["documents"], False)

    def _answer(self, body: dict[str, Any], texts: list[str], with_documents: bool) -> Answer:
        self.count(texts)
        if not body["query"]:
            raise self.refuse(400, "invalid request: query must not be empty")
        results = [
            {
                "index": index,
                "relevance_score": score,
                **({"document": {"text": texts[index]}} if with_documents else {}),
            }
            for index, score in order(body["query"], texts, probability)[: body.get("top_n")]
        ]
        return as_json({"id": "0123-4567", "results": results, "meta": _META})


def _documents(value: Any) -> bool:
    def known(each: Any) -> bool:
        return isinstance(each, str) or (isinstance(each, dict) and isinstance(each.get("text"), str))

    return isinstance(value, list) and all(map(known, value))
