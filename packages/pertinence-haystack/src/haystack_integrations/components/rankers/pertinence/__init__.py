"""Pertinence ranker for Haystack: reranks documents, synchronously or asynchronously.

The model runs on this machine or behind a server.
"""

from __future__ import annotations

from haystack_integrations.components.rankers.pertinence.ranker import PertinenceRanker

__all__ = ["PertinenceRanker"]
