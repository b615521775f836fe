"""Pertinence embedders for Haystack: vectors for a document store and for the queries that search it."""

from __future__ import annotations

from haystack_integrations.components.embedders.pertinence.document_embedder import (
    PertinenceDocumentEmbedder,
)
from haystack_integrations.components.embedders.pertinence.text_embedder import PertinenceTextEmbedder

__all__ = ["PertinenceDocumentEmbedder", "PertinenceTextEmbedder"]
