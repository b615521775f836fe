"""Futures that others may answer first: by cancelling them, or by closing what was to answer them."""

from __future__ import annotations

import copy
from concurrent.futures import Future, InvalidStateError
from traceback import clear_frames
from typing import TypeVar

from pertinence.errors import ModelError, PertinenceError

__all__ = ["answer", "fail", "let_go", "told"]

T = TypeVar("T")


def answer(future: Future[T], result: T) -> None:
    """Set the result, unless there is an answer already: that one stands."""
    try:
        future.set_result(result)
    except InvalidStateError:
        pass


def fail(future: Future[T], error: Exception) -> None:
    """Set the error, unless there is an answer already: that one stands."""
    try:
        future.set_exception(error)
    except InvalidStateError:
        pass


def let_go(error: BaseException) -> None:
    """Forget what lies in the frames that an error came through: whoever keeps the error would keep it too.

    Half a model and the tensors of a failed run lie there, in memory that the next try needs.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


def told(error: BaseException, name: str) -> Exception:
    """The error for one caller: of our hierarchy, and its own object, so that tracebacks stay apart.

    Args:
        error: what went wrong.
        name: of the model that failed, for errors that are not of our hierarchy.
    """
    if isinstance(error, PertinenceError):
        own: Exception = copy.copy(error)
        own.__cause__ = error.__cause__
    else:
        own = ModelError(f"{name} failed: {type(error).__name__}: {error}")
        own.__cause__ = error
    return own
