"""Pertinence in Haystack: vectors for an index and for the questions that search it."""

from __future__ import annotations

from haystack_integrations.components.embedders.pertinence.document_embedder import (
    PertinenceDocumentEmbedder,
)
from haystack_integrations.components.embedders.pertinence.text_embedder import PertinenceTextEmbedder

__all__ = ["PertinenceDocumentEmbedder", "PertinenceTextEmbedder"]
