"""Helpers for futures that may already be done, because they were cancelled or their model was closed."""

from __future__ import annotations

import copy
import traceback
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

from pertinence.errors import ModelError, PertinenceError

__all__ = ["answer", "clear_frames", "error_for_caller", "fail"]

T = TypeVar("T")


def answer(future: Future[T], result: T) -> None:
    """Set the result, unless the future is already done."""
    try:
        future.set_result(result)
    except InvalidStateError:
        pass


def fail(future: Future[T], error: Exception) -> None:
    """Set the error, unless the future is already done."""
    try:
        future.set_exception(error)
    except InvalidStateError:
        pass


def clear_frames(error: BaseException) -> None:
    """Clear the local variables of the frames in an error's traceback and in those of its causes.

    They can hold a half-loaded model or the tensors of a failed run. Code that keeps the error would keep
    that memory too, and the next attempt needs it.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


def error_for_caller(error: BaseException, name: str) -> Exception:
    """Return a separate copy of the error for one caller, as a `PertinenceError`.

    Each caller gets its own object, so that tracebacks do not mix.

    Args:
        error: the error that occurred.
        name: name of the model that failed, used in the message if the error is not a `PertinenceError`.
    """
    if isinstance(error, PertinenceError):
        own: Exception = copy.copy(error)
        own.__cause__ = error.__cause__
    else:
        own = ModelError(f"{name} failed: {type(error).__name__}: {error}")
        own.__cause__ = error
    return own
