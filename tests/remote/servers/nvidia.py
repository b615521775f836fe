"""NVIDIA NIM's `/v1/ranking`: query and passages as objects, logits back."""

from __future__ import annotations

from typing import Any, ClassVar

from remote.servers.fields import OBJECTS, TEXT
from remote.servers.hosted import Hosted
from remote.servers.scoring import logit, order
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["Nvidia"]


class Nvidia(Hosted):
    """512 passages; anything besides `model`, `query`, `passages` and `truncate` is refused, `top_k` too."""

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "nvidia/llama-3.2-nv-rerankqa-1b-v2"
    documents_limit: ClassVar[int] = 512

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/ranking"): self.rank, ("GET", "/v1/models"): self.models}

    def refusal(self, status: int, message: str) -> Answer:
        return as_json(
            {"object": "error", "message": message, "detail": {}, "type": "invalid_request_error"}, status
        )

    def models(self, call: Call) -> Answer:
        return as_json(
            {"object": "list", "data": [{"id": self.model, "object": "model", "owned_by": "nvidia"}]}
        )

    def rank(self, call: Call) -> Answer:
        optional = {"truncate": TEXT}
        body = self.read(call, {"model": TEXT, "query": _passage, "passages": OBJECTS}, optional)
        if body.get("truncate") not in (None, "NONE", "END"):
            raise self.refuse(400, "truncate must be NONE or END")
        passages = body["passages"]
        self.count(passages)
        for index, passage in enumerate(passages):
            if not _passage(passage):
                raise self.refuse(400, f"passages[{index}] is not an object with a text")
        ranked = order(body["query"]["text"], [passage["text"] for passage in passages], logit)
        return as_json({"rankings": [{"index": index, "logit": score} for index, score in ranked]})


def _passage(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"text"} and isinstance(value["text"], str)
