"""Request in the scheduler: its distinct texts and the rows computed for them."""

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
    """Numbers of texts of a request that were cut, empty or repaired; see `pertinence.scorer.Scores`."""

    truncated: int
    empty: int
    repaired: int
    query_truncated: bool


class TextEncoder(Protocol):
    """Protocol of an encoder that turns texts into the token ids that the model reads."""

    def pairs(self, texts: Sequence[str]) -> list[EncodedPair]:
        """Return one encoded pair per text, in their order."""


class QueryEncoders(Protocol):
    """Protocol of a model that tokenizes queries; only the tokenizing thread calls it."""

    def encode_query(self, query: str, limits: PairLimits) -> TextEncoder:
        """Tokenize the query and return an encoder that joins it with texts."""


class Request(Generic[T]):
    """Query with its texts, and the future of its answer.

    Equal texts are scored once. The submitting thread only stores the list. Finding equal texts, repairing
    them and tokenizing them is left to the tokenizing thread.

    Args:
        owner: object that may withdraw the request.
        query: the query.
        texts: its texts, all strings.
        limits: limits that pairs are cut to.
        convert: function that makes the answer from float32 rows of shape (texts, labels) and `Counts`.
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
        # For each text read so far, the index of its distinct text.
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
        """True if every text has been tokenized."""
        return self._encoder is not None and len(self._places) == self.documents

    @property
    def complete(self) -> bool:
        """True if every distinct text has its row."""
        return self.encoded and self._answered == len(self._truncated)

    def encode(self, encoders: QueryEncoders, texts: int, characters: int) -> list[Pair[Request[Any]]]:
        """Tokenize the next distinct texts and return their pairs; only the tokenizing thread calls this.

        Args:
            encoders: tokenizes the query, on the first call.
            texts: maximum number of distinct texts.
            characters: number of characters after which no further text is added.
        """
        if self._encoder is None:
            self._encoder = encoders.encode_query(repair(self.query)[0], self.limits)
        first = len(self._truncated)
        chunk, places = self._read(texts, characters)
        encoded = self._encoder.pairs(chunk)
        self._truncated += [pair.truncated for pair in encoded]
        self._query_truncated |= any(pair.query_truncated for pair in encoded)
        # Update this last: the model's thread considers the request complete once all indices are known.
        self._places += places
        return [Pair(self, index, pair.ids, pair.boundary) for index, pair in enumerate(encoded, start=first)]

    def _read(self, texts: int, characters: int) -> tuple[list[str], list[int]]:
        """Return the next distinct texts, repaired, and for each text read the index of its distinct text.

        Reading stops before the first new text that exceeds the limits, or at the end. Equal texts
        therefore never make a chunk of their own.
        """
        chunk: list[str] = []
        places: list[int] = []
        given = self._texts  # Read once: another thread may withdraw and empty the request.
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
        """Store the row of one distinct text; called by the devices' threads."""
        # Store row by row. Indexing many rows at once releases the GIL, and many callers may be waiting for
        # it, each for up to 5 ms.
        with self._taking:
            if self._rows is None:
                self._rows = np.empty((self.documents, np.size(row)), dtype=np.float32)
            self._rows[index] = row
            self._answered += 1

    def finish(self) -> T:
        """Return the answer; call this once the request is complete.

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
        """Drop texts and rows, so that an answered future does not keep them in memory."""
        self._texts = ()
        self._distinct = {}
        self._rows = None
        self._convert = _forgotten


def _forgotten(rows: Float32, counts: Counts) -> Any:
    raise AssertionError("a request that was answered is not answered again")
