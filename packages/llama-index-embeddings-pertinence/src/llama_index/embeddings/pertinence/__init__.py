"""The place of Pertinence's embeddings in LlamaIndex; the class comes with the core's `Embedder`."""

from __future__ import annotations

__all__: list[str] = []
