"""One request on its way through the scheduler: its distinct texts, and the rows that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from pertinence.local.batching import Pair
from pertinence.local.tokens import EncodedPair, PairLimits
from pertinence.scorer import Float32
from pertinence.texts import is_empty, repair

__all__ = ["Counts", "QueryEncoders", "Request", "TextEncoder"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many texts of a request were cut, empty, or repaired; see `pertinence.scorer.Scores`."""

    truncated: int
    empty: int
    repaired: int
    query_truncated: bool


class TextEncoder(Protocol):
    """What makes of texts what the model reads."""

    def pairs(self, texts: Sequence[str]) -> list[EncodedPair]:
        """One encoded pair per text, in their order."""


class QueryEncoders(Protocol):
    """What tokenises queries; the tokenising thread alone calls it."""

    def encode_query(self, query: str, limits: PairLimits) -> TextEncoder:
        """The query, tokenised, ready to be joined with texts."""


class Request(Generic[T]):
    """A query with its texts, and a future.

    Equal texts are scored once. The thread that submits pays only for taking the list: looking for
    equal texts, repairing and tokenising them is the tokenising thread's work.

    Args:
        owner: whoever may withdraw it.
        query: the query.
        texts: its texts, strings all.
        limits: how pairs are cut.
        convert: makes the answer of float32 rows of shape (texts, labels) and of `Counts`.
    """

    def __init__(
        self,
        *,
        owner: object,
        query: str,
        texts: Sequence[str],
        limits: PairLimits,
        convert: Callable[[Float32, Counts], T],
    ) -> None:
        self.owner = owner
        self.query = query
        self.limits = limits
        self.future: Future[T] = Future()
        self._texts = texts
        self._convert = convert
        self._encoder: TextEncoder | None = None
        self._distinct: dict[str, int] = {}
        self._waiting_texts: list[str] = []
        self._encoded = 0
        self._truncated: list[bool] = []
        self._query_truncated = False
        self._rows: Float32 | None = None
        self._missing = 0

    @property
    def encoded(self) -> bool:
        """Whether every distinct text has been tokenised."""
        return self._encoder is not None and self._encoded == len(self._waiting_texts)

    @property
    def complete(self) -> bool:
        """Whether every distinct text has its row."""
        return self.encoded and self._missing == 0

    @property
    def begun(self) -> bool:
        """Whether any of it has been tokenised."""
        return self._encoder is not None

    def encode(self, encoders: QueryEncoders, texts: int, characters: int) -> list[Pair[Request[Any]]]:
        """The pairs of the next distinct texts; the tokenising thread's work.

        Args:
            encoders: what tokenises the query, on the first call.
            texts: at most so many of them.
            characters: no further text once there are so many characters.
        """
        if self._encoder is None:
            self._distinct = {text: index for index, text in enumerate(dict.fromkeys(self._texts))}
            self._waiting_texts = [repair(text)[0] for text in self._distinct]
            self._missing = len(self._distinct)
            self._encoder = encoders.encode_query(repair(self.query)[0], self.limits)
        first = self._encoded
        chunk: list[str] = []
        for text in self._waiting_texts[first : first + texts]:
            chunk.append(text)
            characters -= len(text)
            if characters <= 0:
                break
        encoded = self._encoder.pairs(chunk)
        self._truncated += [pair.truncated for pair in encoded]
        self._query_truncated |= any(pair.query_truncated for pair in encoded)
        self._encoded += len(encoded)
        return [Pair(self, index, pair.ids, pair.boundary) for index, pair in enumerate(encoded, start=first)]

    def take(self, index: int, row: Float32) -> None:
        """The row of one distinct text; the model thread's work."""
        if self._rows is None:
            self._rows = np.empty((len(self._distinct), np.size(row)), dtype=np.float32)
        self._rows[index] = row
        self._missing -= 1

    def finish(self) -> T:
        """The answer, once complete.

        Raises:
            ScoreError: a row is not finite.
        """
        assert self._rows is not None
        place = [self._distinct[text] for text in self._texts]
        counts = Counts(
            truncated=sum(self._truncated[index] for index in place),
            empty=sum(is_empty(text) for text in self._texts),
            repaired=sum(repair(text)[1] for text in self._texts),
            query_truncated=self._query_truncated,
        )
        return self._convert(self._rows[place], counts)

    def forget(self) -> None:
        """Let go of texts and rows: whoever keeps the answered future must not keep them too."""
        self._texts = ()
        self._waiting_texts = []
        self._distinct = {}
        self._rows = None
        self._convert = _forgotten


def _forgotten(rows: Float32, counts: Counts) -> Any:
    raise AssertionError("a request that was answered is not answered again")
