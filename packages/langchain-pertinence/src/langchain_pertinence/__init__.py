"""Pertinence for LangChain: reranks and embeds documents, synchronously or asynchronously.

The model runs on this machine or behind a server.
"""

from __future__ import annotations

from langchain_pertinence.cross_encoder import PertinenceCrossEncoder
from langchain_pertinence.embeddings import PertinenceEmbeddings
from langchain_pertinence.rerank import PertinenceRerank
from langchain_pertinence.retriever import PertinenceRetriever

__all__ = ["PertinenceCrossEncoder", "PertinenceEmbeddings", "PertinenceRerank", "PertinenceRetriever"]
