"""Text Embeddings Inference (TEI) dialect: `POST {base}/rerank` with `texts`. The response is a bare list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pertinence.remote.dialects.base import Call, Dialect, Scale
from pertinence.remote.dialects.reading import entries, scattered
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "TEI_BATCH", "TEI_BYTES", "Tei"]

# TEI's defaults of --max-client-batch-size and --payload-limit.
TEI_BATCH = 32
TEI_BYTES = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Tei(Dialect):
    """TEI dialect.

    It requests logits, which can be converted to probabilities. It asks the server to truncate long texts
    instead of refusing them.
    """

    name: str = "tei"
    path: str = "/rerank"
    scale: Scale = "logit"
    batch: int | None = TEI_BATCH
    most_bytes: int | None = TEI_BYTES
    cuts: bool | None = True
    extra: Mapping[str, Any] = field(default_factory=lambda: {"raw_scores": True, "truncate": True})

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Return the query and the texts. TEI serves one model, so no model name is sent."""
        return {"query": call.query, "texts": list(call.texts)}

    def read(self, content: Any, count: int) -> Float32:
        """Read the entries, which arrive best first."""
        return scattered(entries(content), count)


DIALECTS = (Tei(),)
