"""Error hierarchy of Pertinence. `PertinenceError` is the base class of all errors."""

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
    """Base class of every error that Pertinence raises on purpose."""


class InputError(PertinenceError, ValueError):
    """Error for an invalid query, document or argument; the message names it."""


class OptionError(InputError):
    """Error for an option that does not exist, or a value that it does not accept; the message names it."""

    @classmethod
    def unknown(cls, name: str, known: Iterable[str]) -> OptionError:
        """Create the error for an unknown option; the message suggests the nearest known name."""
        near = get_close_matches(name, list(known), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return cls(f"unknown option {name!r}{hint}")


class ModelError(PertinenceError):
    """Error for a model that was found but cannot be loaded or run as requested."""


class ModelNotFoundError(ModelError):
    """Error for a model that was not found; the message lists the locations that were searched."""


class MissingExtraError(ModelError, ImportError):
    """Error for a required package that is not installed; the message says what to install."""

    @classmethod
    def of(cls, purpose: str, extra: str) -> MissingExtraError:
        """Create the error that names the extra whose packages `purpose` needs."""
        return cls(f"{purpose} needs packages that are not installed: pip install 'pertinence[{extra}]'")


class ScoreError(PertinenceError):
    """Error for an answer of a model or a server that is not one finite number per document."""


class ClosedError(PertinenceError, RuntimeError):
    """Error for a call that could not be answered because the reranker, or its model, was closed."""


class OverloadedError(PertinenceError):
    """Error for a call that exceeds the limit of documents waiting for the model.

    The caller can try again later, or with fewer documents.
    """

    @classmethod
    def of(cls, model: str, waiting: int, documents: int, most: int) -> OverloadedError:
        """Create the error for a call with so many `documents` while `waiting` others wait for `model`."""
        return cls(
            f"{documents:,} documents were refused: {waiting:,} wait for {model}, "
            f"and max_queued allows {most:,} in all"
        )


class EndpointError(PertinenceError):
    """Error for a server that cannot be reached, rejects a request, or fails.

    The message ends with the server's own message.

    Attributes:
        status: HTTP status of the response; None if there was no response.
    """

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AuthenticationError(EndpointError):
    """Error for a server that requires a key, if none was given or the key is not accepted."""


class EndpointTimeoutError(EndpointError, TimeoutError):
    """Error for a server that did not answer in time."""


class UnknownModelError(EndpointError, ModelNotFoundError):
    """Error for a model that the server does not have."""


class RefusedDocumentError(EndpointError, InputError):
    """Error for a document that the server rejects although it accepts others with the same query.

    Attributes:
        index: index of the document in the input list, from 0.
    """

    def __init__(self, message: str = "", *, status: int | None = None, index: int | None = None) -> None:
        super().__init__(message, status=status)
        self.index = index
