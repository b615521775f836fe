"""Checks of queries and documents that name the invalid item before any model runs (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar, overload

from pertinence.errors import InputError

__all__ = ["Affixed", "check_documents", "check_query", "check_texts", "extract_texts", "is_empty", "repair"]

T = TypeVar("T")


def check_query(query: object) -> str:
    """Return the query, or raise an error if it is not a string, is empty or is only whitespace."""
    if not isinstance(query, str):
        raise InputError(f"query must be a string, not {type(query).__name__}")
    if is_empty(query):
        raise InputError("query is empty or only whitespace")
    return query


def check_documents(documents: Iterable[T]) -> tuple[T, ...]:
    """Return the documents as a tuple, so that later changes to the caller's list have no effect.

    Raises:
        InputError: the argument is a single text, a set or a mapping (which have no order), or is not
            iterable.
    """
    if isinstance(documents, str | bytes | Set | Mapping):
        raise InputError(f"documents must be a sequence of texts, not {type(documents).__name__}")
    try:
        return tuple(documents)
    except TypeError as error:
        raise InputError(f"documents must be a sequence, not {type(documents).__name__}") from error


def check_texts(texts: Sequence[object]) -> list[str]:
    """Return the texts as a list, or raise an error that names the first one that is not a string.

    An empty text is accepted: one blank chunk must not fail the whole query.
    """
    if isinstance(texts, str | bytes):
        raise InputError("documents must be a sequence of texts, not one text")
    checked: list[str] = []
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"document {index} must be a string, not {type(text).__name__}")
        checked.append(text)
    return checked


def extract_texts(documents: Sequence[T], text: Callable[[T], str] | None) -> list[str]:
    """Return one text per document: the document itself, or the result of `text`.

    Raises:
        InputError: a document, or a result of `text`, is not a string; the message names its index.
    """
    return check_texts(documents if text is None else [text(document) for document in documents])


def is_empty(text: str) -> bool:
    """Return True if the text is empty or only whitespace."""
    return not text or text.isspace()


@dataclass(frozen=True)
class Affixed(Sequence[str]):
    """Texts with a prefix and a suffix, joined only when a text is read.

    So the caller who queues a request does not pay for the joining; the tokenizing thread does it.
    """

    prefix: str
    texts: Sequence[str]
    suffix: str

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [f"{self.prefix}{text}{self.suffix}" for text in self.texts[place]]
        return f"{self.prefix}{self.texts[place]}{self.suffix}"

    def __len__(self) -> int:
        return len(self.texts)


def repair(text: str) -> tuple[str, bool]:
    """Replace every lone surrogate by U+FFFD. Return the text, and True if there was one."""
    if text.isascii():
        return text, False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text), True
    return text, False
