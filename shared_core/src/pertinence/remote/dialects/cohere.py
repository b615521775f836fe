"""Cohere and Jina dialect: `POST {base}/rerank`. Most servers and providers support it."""

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
    """Cohere-style dialect.

    It never sends `top_n`: every score is needed, and servers disagree about what 0 and None mean.
    """

    name: str = "cohere"
    path: str = "/rerank"
    scale: Scale = "server"
    batch: int | None = 1000

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Return the query and the documents."""
        return with_model(call, {"query": call.query, "documents": list(call.texts)})

    def read(self, content: Any, count: int) -> Float32:
        """Read entries in any order: a bare list, or a list under `results` or a similar name."""
        return scattered(entries(content), count)


DIALECTS = (
    Cohere(),
    # Infinity takes up to 2048 documents. It returns the sigmoid of the logit unless logits are requested.
    Cohere(name="infinity", scale="logit", batch=2048, extra={"raw_scores": True}),
    # llama.cpp always returns logits, whatever the request says. It refuses texts that are too long.
    Cohere(name="llamacpp", scale="logit", cuts=False),
    Cohere(name="dashscope", path="/reranks", batch=500),
)
