"""Pertinence in LangChain: documents reranked and embedded here or by a server, synchronously or not."""

from __future__ import annotations

from langchain_pertinence.cross_encoder import PertinenceCrossEncoder
from langchain_pertinence.embeddings import PertinenceEmbeddings
from langchain_pertinence.rerank import PertinenceRerank
from langchain_pertinence.retriever import PertinenceRetriever

__all__ = ["PertinenceCrossEncoder", "PertinenceEmbeddings", "PertinenceRerank", "PertinenceRetriever"]
