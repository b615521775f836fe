"""One request on its way through the scheduler: its distinct texts, and the rows that come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from pertinence.local.batches.batching import Pair
from pertinence.local.batches.pair_tokens import EncodedPair, PairLimits
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
        self.documents = len(texts)
        self.future: Future[T] = Future()
        self._texts = texts
        self._convert = convert
        self._encoder: TextEncoder | None = None
        # Of each text that was read, which of the distinct ones it is.
        self._places: list[int] = []
        self._distinct: dict[str, int] = {}
        self._truncated: list[bool] = []
        self._query_truncated = False
        self._empty = 0
        self._repaired = 0
        self._rows: Float32 | None = None
        self._answered = 0
        self._taking = threading.Lock()

    @property
    def encoded(self) -> bool:
        """Whether every text has been tokenised."""
        return self._encoder is not None and len(self._places) == self.documents

    @property
    def complete(self) -> bool:
        """Whether every distinct text has its row."""
        return self.encoded and self._answered == len(self._truncated)

    def encode(self, encoders: QueryEncoders, texts: int, characters: int) -> list[Pair[Request[Any]]]:
        """The pairs of the next distinct texts; the tokenising thread's work.

        Args:
            encoders: what tokenises the query, on the first call.
            texts: at most so many of them.
            characters: no further text once there are so many characters.
        """
        if self._encoder is None:
            self._encoder = encoders.encode_query(repair(self.query)[0], self.limits)
        first = len(self._truncated)
        chunk, places = self._read(texts, characters)
        encoded = self._encoder.pairs(chunk)
        self._truncated += [pair.truncated for pair in encoded]
        self._query_truncated |= any(pair.query_truncated for pair in encoded)
        # Last, because the model's thread takes the request for complete when all places are known.
        self._places += places
        return [Pair(self, index, pair.ids, pair.boundary) for index, pair in enumerate(encoded, start=first)]

    def _read(self, texts: int, characters: int) -> tuple[list[str], list[int]]:
        """The next distinct texts, repaired, and the place of each text that was read.

        It ends before a text that is new, or at the end: equal texts never make a chunk of their own.
        """
        chunk: list[str] = []
        places: list[int] = []
        given = self._texts  # Taken once: another thread may withdraw the request meanwhile, and empty it.
        for place in range(len(self._places), len(given)):
            text = given[place]
            index = self._distinct.get(text)
            repaired, was_repaired = repair(text)
            if index is None:
                if len(chunk) == texts or characters <= 0:
                    break
                index = self._distinct[text] = len(self._distinct)
                chunk.append(repaired)
                characters -= len(text)
            places.append(index)
            self._empty += is_empty(text)
            self._repaired += was_repaired
        return chunk, places

    def take(self, index: int, row: Float32) -> None:
        """The row of one distinct text; the work of the devices' threads."""
        # Row by row: picking many rows at once lets go of the interpreter, and many callers may be
        # waiting for it, each for up to 5 ms.
        with self._taking:
            if self._rows is None:
                self._rows = np.empty((self.documents, np.size(row)), dtype=np.float32)
            self._rows[index] = row
            self._answered += 1

    def finish(self) -> T:
        """The answer, once complete.

        Raises:
            ScoreError: a row is not finite.
        """
        assert self._rows is not None
        counts = Counts(
            truncated=sum(self._truncated[place] for place in self._places),
            empty=self._empty,
            repaired=self._repaired,
            query_truncated=self._query_truncated,
        )
        return self._convert(self._rows[self._places], counts)

    def forget(self) -> None:
        """Let go of texts and rows: whoever keeps the answered future must not keep them too."""
        self._texts = ()
        self._distinct = {}
        self._rows = None
        self._convert = _forgotten


def _forgotten(rows: Float32, counts: Counts) -> Any:
    raise AssertionError("a request that was answered is not answered again")
