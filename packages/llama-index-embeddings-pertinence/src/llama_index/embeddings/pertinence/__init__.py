"""Pertinence in LlamaIndex: nodes and queries embedded by a model on this machine, synchronously or not."""

from __future__ import annotations

from llama_index.embeddings.pertinence.base import PertinenceEmbedding

__all__ = ["PertinenceEmbedding"]
