"""Pertinence in Haystack: documents reranked by a model on this machine, synchronously or not."""

from __future__ import annotations

from haystack_integrations.components.rankers.pertinence.ranker import PertinenceRanker

__all__ = ["PertinenceRanker"]
