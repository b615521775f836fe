"""Pertinence in LangChain: documents reranked by a model on this machine, synchronously or not."""

from __future__ import annotations

from langchain_pertinence.cross_encoder import PertinenceCrossEncoder
from langchain_pertinence.rerank import PertinenceRerank

__all__ = ["PertinenceCrossEncoder", "PertinenceRerank"]
