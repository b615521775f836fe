"""DeepInfra's `/v1/inference/{model}`: the query once for each document, bare scores back in input order."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import TEXT, TEXTS
from remote.servers.hosted import Hosted
from remote.servers.scoring import probability, tokens
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["DeepInfra"]


class DeepInfra(Hosted):
    """The model stands in the path, its slash and all."""

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "Qwen/Qwen3-Reranker-0.6B"
    documents_limit: ClassVar[int] = 1024

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", f"/v1/inference/{self.model}"): self.infer}

    def refusal(self, status: int, message: str) -> Answer:
        return as_json({"detail": {"error": message}}, status)

    def unknown(self, call: Call) -> Answer:
        return self.refusal(404, f"Model not found for {call.path}")

    def infer(self, call: Call) -> Answer:
        optional = {"instruction": TEXT, "service_tier": TEXT, "webhook": TEXT}
        body: dict[str, Any] = self.read(call, {"queries": TEXTS, "documents": TEXTS}, optional)
        queries, documents = body["queries"], body["documents"]
        self.count(documents)
        if len(queries) != len(documents):
            raise self.refuse(400, f"{len(queries)} queries but {len(documents)} documents")
        used = tokens(*queries, *documents)
        return as_json(
            {
                "scores": [probability(*pair) for pair in zip(queries, documents, strict=True)],
                "input_tokens": used,
                "request_id": "0123",
                "inference_status": {
                    "status": "succeeded",
                    "runtime_ms": 1,
                    "cost": 0.0,
                    "tokens_input": used,
                },
            }
        )
