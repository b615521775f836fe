"""Text Embeddings Inference: `POST {base}/rerank` with `texts`, answered by a bare list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pertinence.remote.dialects.base import Call, Dialect, Scale
from pertinence.remote.dialects.reading import entries, scattered
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "TEI_BATCH", "TEI_BYTES", "Tei"]

# Its defaults: --max-client-batch-size and --payload-limit.
TEI_BATCH = 32
TEI_BYTES = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Tei(Dialect):
    """Asks for logits, which can be turned into probabilities; and has long texts cut, not refused."""

    name: str = "tei"
    path: str = "/rerank"
    scale: Scale = "logit"
    batch: int | None = TEI_BATCH
    most_bytes: int | None = TEI_BYTES
    cuts: bool | None = True
    extra: Mapping[str, Any] = field(default_factory=lambda: {"raw_scores": True, "truncate": True})

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Query and texts; it serves one model, and no name is asked for."""
        return {"query": call.query, "texts": list(call.texts)}

    def read(self, content: Any, count: int) -> Float32:
        """Entries, best first."""
        return scattered(entries(content), count)


DIALECTS = (Tei(),)
