"""Pertinence for LlamaIndex: embeds nodes and queries, synchronously or asynchronously.

The model runs on this machine or behind a server.
"""

from __future__ import annotations

from llama_index.embeddings.pertinence.base import PertinenceEmbedding

__all__ = ["PertinenceEmbedding"]
