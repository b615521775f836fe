"""vLLM's `POST {base}/score`: one query and many documents, scored in the order of the request."""

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
    """The scale depends on the model: a probability of a cross-encoder, the cosine of a bi-encoder."""

    name: str = "vllm-score"
    path: str = "/score"
    scale: Scale = "server"
    batch: int | None = 1000
    cuts: bool | None = False

    def fields(self, call: Call) -> Mapping[str, Any]:
        """`text_1` and `text_2`, which every version knows."""
        return with_model(call, {"text_1": call.query, "text_2": list(call.texts)})

    def read(self, content: Any, count: int) -> Float32:
        """Entries that say their place."""
        return scattered(entries(content, ("data",)), count, scores=("score",))


DIALECTS = (VllmScore(),)
