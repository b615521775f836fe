"""One hierarchy for everything that can go wrong: catch `PertinenceError` and you catch it all."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "AuthenticationError",
    "ClosedError",
    "EndpointError",
    "EndpointTimeoutError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "ModelNotFoundError",
    "OptionError",
    "OverloadedError",
    "PertinenceError",
    "RefusedDocumentError",
    "ScoreError",
    "UnknownModelError",
]


class PertinenceError(Exception):
    """The root of every error that Pertinence raises on purpose."""


class InputError(PertinenceError, ValueError):
    """A query, a document or an argument that cannot be used; the message names which."""


class OptionError(InputError):
    """An option that does not exist, or a value that it does not take; the message names it."""

    @classmethod
    def unknown(cls, name: str, known: Iterable[str]) -> OptionError:
        """The error for an option nobody has heard of, with the nearest name that exists."""
        near = get_close_matches(name, list(known), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return cls(f"unknown option {name!r}{hint}")


class ModelError(PertinenceError):
    """A model that was found but cannot be loaded or run as asked."""


class ModelNotFoundError(ModelError):
    """A model that is in none of the places that were searched; the message lists them."""


class MissingExtraError(ModelError, ImportError):
    """A package that this request needs is not installed; the message says what to install."""

    @classmethod
    def of(cls, purpose: str, extra: str) -> MissingExtraError:
        """Name the extra of the distribution that brings what `purpose` needs."""
        return cls(f"{purpose} needs packages that are not installed: pip install 'pertinence[{extra}]'")


class ScoreError(PertinenceError):
    """A model or a server answered with something that is not one finite number per document."""


class ClosedError(PertinenceError, RuntimeError):
    """The reranker, or the model behind it, was closed before this call could be answered."""


class OverloadedError(PertinenceError):
    """So many documents wait for the model that no more are taken: try again later, or with fewer."""

    @classmethod
    def of(cls, model: str, waiting: int, documents: int, most: int) -> OverloadedError:
        """The error for a call of so many `documents` while others are `waiting` for `model`."""
        return cls(
            f"{documents:,} documents were refused: {waiting:,} wait for {model}, "
            f"and max_queued allows {most:,} in all"
        )


class EndpointError(PertinenceError):
    """A server that cannot be reached, refuses a request, or fails; the message ends with what it said.

    Attributes:
        status: the HTTP status of its answer; None if there was no answer.
    """

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AuthenticationError(EndpointError):
    """A server that asks for a key and was given none, or one that it does not accept."""


class EndpointTimeoutError(EndpointError, TimeoutError):
    """A server that did not answer in time."""


class UnknownModelError(EndpointError, ModelNotFoundError):
    """A model that the server does not know."""


class RefusedDocumentError(EndpointError, InputError):
    """A document that the server does not take, though it takes others with the same query.

    Attributes:
        index: its place in the list that was handed in, from 0.
    """

    def __init__(self, message: str = "", *, status: int | None = None, index: int | None = None) -> None:
        super().__init__(message, status=status)
        self.index = index
