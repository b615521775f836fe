"""What may be scored: checks that name the item at fault, before any model runs (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar, overload

from pertinence.errors import InputError

__all__ = ["Affixed", "check_documents", "check_query", "check_texts", "extract_texts", "is_empty", "repair"]

T = TypeVar("T")


def check_query(query: object) -> str:
    """The query itself, or an error: a query must be a string with something in it."""
    if not isinstance(query, str):
        raise InputError(f"query must be a string, not {type(query).__name__}")
    if is_empty(query):
        raise InputError("query is empty or only whitespace")
    return query


def check_documents(documents: Iterable[T]) -> tuple[T, ...]:
    """The documents as they are now: what the caller does to the list later changes nothing.

    Raises:
        InputError: it is one text, a set or a mapping, which have no order, or nothing to go through.
    """
    if isinstance(documents, str | bytes | Set | Mapping):
        raise InputError(f"documents must be a sequence of texts, not {type(documents).__name__}")
    try:
        return tuple(documents)
    except TypeError as error:
        raise InputError(f"documents must be a sequence, not {type(documents).__name__}") from error


def check_texts(texts: Sequence[object]) -> list[str]:
    """The texts as a list, or an error that names the first that is not a string.

    An empty text is accepted: one blank chunk must not fail the query it came with.
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
    """One text per document: the document itself, or what `text` reads from it.

    Raises:
        InputError: a document is not a string, or `text` gave something else; its index is named.
    """
    return check_texts(documents if text is None else [text(document) for document in documents])


def is_empty(text: str) -> bool:
    """Whether there is nothing in it to judge."""
    return not text or text.isspace()


@dataclass(frozen=True)
class Affixed(Sequence[str]):
    """Texts with something put before and after each, joined only where they are read.

    Whoever queues a request pays for none of it: that is the tokenising thread's work.
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
    """The text with every lone surrogate replaced by U+FFFD, and whether there was one."""
    if text.isascii():
        return text, False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text), True
    return text, False
