"""Reranker library: puts documents in order of relevance to a query, with scores that state their kind."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pertinence.embedder import Embedder
    from pertinence.errors import (
        AuthenticationError,
        ClosedError,
        EndpointError,
        EndpointTimeoutError,
        InputError,
        MissingExtraError,
        ModelError,
        ModelNotFoundError,
        OptionError,
        OverloadedError,
        PertinenceError,
        RefusedDocumentError,
        ScoreError,
        UnknownModelError,
    )
    from pertinence.ranking import RankedDocument, Ranking
    from pertinence.reranker import Reranker

__all__ = [
    "AuthenticationError",
    "ClosedError",
    "Embedder",
    "EndpointError",
    "EndpointTimeoutError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "ModelNotFoundError",
    "OptionError",
    "OverloadedError",
    "PertinenceError",
    "RankedDocument",
    "Ranking",
    "RefusedDocumentError",
    "Reranker",
    "ScoreError",
    "UnknownModelError",
]

_ROOMS = {
    "Embedder": "embedder",
    "RankedDocument": "ranking",
    "Ranking": "ranking",
    "Reranker": "reranker",
}


def __getattr__(name: str) -> Any:
    # Import each name on first use, so that importing the package alone is almost free.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
