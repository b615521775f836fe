"""Pertinence in LlamaIndex: nodes reranked by a model on this machine, synchronously or not."""

from __future__ import annotations

from llama_index.postprocessor.pertinence.base import PertinenceRerank

__all__ = ["PertinenceRerank"]
