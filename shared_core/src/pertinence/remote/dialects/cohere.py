"""`POST {base}/rerank` with Cohere's and Jina's fields: what most servers and providers speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pertinence.remote.dialects.base import Call, Dialect, Scale, with_model
from pertinence.remote.dialects.reading import entries, scattered
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "Cohere"]


@dataclass(frozen=True, kw_only=True)
class Cohere(Dialect):
    """Never sends `top_n`: every score is needed, and servers disagree about what 0 and None mean."""

    name: str = "cohere"
    path: str = "/rerank"
    scale: Scale = "server"
    batch: int | None = 1000

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Query and documents."""
        return with_model(call, {"query": call.query, "documents": list(call.texts)})

    def read(self, content: Any, count: int) -> Float32:
        """Entries in any order, under `results` or whatever a cousin calls them, or bare."""
        return scattered(entries(content), count)


DIALECTS = (
    Cohere(),
    # 2048 documents, and the sigmoid of the logit unless logits are asked for.
    Cohere(name="infinity", scale="logit", batch=2048, extra={"raw_scores": True}),
    # Logits, whatever is asked for; it refuses what is too long.
    Cohere(name="llamacpp", scale="logit", cuts=False),
    Cohere(name="dashscope", path="/reranks", batch=500),
)
