"""Pertinence for LlamaIndex: reranks nodes, synchronously or asynchronously.

The model runs on this machine or behind a server.
"""

from __future__ import annotations

from llama_index.postprocessor.pertinence.base import PertinenceRerank

__all__ = ["PertinenceRerank"]
