"""vLLM score dialect: `POST {base}/score` with one query and many documents, scored in request order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pertinence.remote.dialects.base import Call, Dialect, Scale, with_model
from pertinence.remote.dialects.reading import entries, scattered
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "VllmScore"]


@dataclass(frozen=True, kw_only=True)
class VllmScore(Dialect):
    """vLLM score dialect.

    The scale depends on the model: a cross-encoder returns a probability, a bi-encoder a cosine.
    """

    name: str = "vllm-score"
    path: str = "/score"
    scale: Scale = "server"
    batch: int | None = 1000
    cuts: bool | None = False

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Return the query as `text_1` and the documents as `text_2`: every version knows these names."""
        return with_model(call, {"text_1": call.query, "text_2": list(call.texts)})

    def read(self, content: Any, count: int) -> Float32:
        """Read entries that carry the index of their document."""
        return scattered(entries(content, ("data",)), count, scores=("score",))


DIALECTS = (VllmScore(),)
