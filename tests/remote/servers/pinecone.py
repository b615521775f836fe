"""Pinecone's `/rerank`: the key in a header of its own, documents as objects, results under `data`."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import COUNT, FLAG, OBJECTS, TEXT, TEXTS, WHATEVER
from remote.servers.hosted import Hosted
from remote.servers.scoring import order
from remote.servers.wire import Answer, Call, RefusedError, Route, as_json

__all__ = ["Pinecone"]


class Pinecone(Hosted):
    """100 documents; without `rank_fields` it reads `text`."""

    model: ClassVar[str] = "bge-reranker-v2-m3"
    documents_limit: ClassVar[int] = 100

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/rerank"): self.rerank}

    def admit(self, call: Call) -> None:
        if self.key is not None and call.headers.get("api-key") != self.key:
            raise RefusedError(
                Answer(status=401, body=b"Invalid API Key", headers={"Content-Type": "text/plain"})
            )

    def refusal(self, status: int, message: str) -> Answer:
        code = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}[status]
        return as_json({"error": {"code": code, "message": message}, "status": status}, status)

    def rerank(self, call: Call) -> Answer:
        optional = {"top_n": COUNT, "return_documents": FLAG, "rank_fields": TEXTS, "parameters": WHATEVER}
        body = self.read(call, {"model": TEXT, "query": TEXT, "documents": OBJECTS}, optional)
        documents: list[dict[str, Any]] = body["documents"]
        self.count(documents)
        (field,) = body.get("rank_fields", ["text"])
        for index, document in enumerate(documents):
            if not isinstance(document.get(field), str):
                raise self.refuse(400, f"document {index} has no text in field '{field}'")
        ranked = order(body["query"], [document[field] for document in documents])
        given_back = body.get("return_documents", True)
        return as_json(
            {
                "model": self.model,
                "data": [
                    {"index": index, "score": score, **({"document": documents[index]} if given_back else {})}
                    for index, score in ranked[: body.get("top_n")]
                ],
                "usage": {"rerank_units": 1},
            }
        )
