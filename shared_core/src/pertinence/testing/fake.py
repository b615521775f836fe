"""Fake models without weights. They answer from their own thread, count rows, and wait or fail on request."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from pertinence.errors import ClosedError
from pertinence.scorer import Float32, ScoreKind, ScoreKindName, Scores, sigmoid
from pertinence.texts import is_empty, repair
from pertinence.vectors import Embeddings, Role

__all__ = ["FakeModel", "FakeScorer", "FakeVectoriser", "word_overlap"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class _Request(Generic[Answer]):
    texts: list[str]
    answer: Callable[[list[str]], Answer]
    future: Future[Answer] = field(default_factory=Future)


@dataclass(frozen=True, kw_only=True)
class _Read:
    """Texts as a fake model with a limit on words reads them, with counts of the changes."""

    texts: list[str]
    truncated: int
    empty: int
    repaired: int


class FakeModel(Generic[Answer]):
    """Common base of the fake scorer and the fake vectoriser.

    Args:
        error: error raised for every request instead of an answer, while it is set.
        max_words: maximum number of words per text; longer texts are truncated and counted.

    Attributes:
        rows: number of texts that were run.
        requests: all submitted requests, in order, as the model would have seen them.
        warm_ups: how often the model was asked to load.
    """

    name = "fake"

    def __init__(self, *, error: Exception | None = None, max_words: int = 512) -> None:
        self.error = error
        self.max_words = max_words
        self.rows = 0
        self.requests: list[tuple[str, list[str]]] = []
        self.warm_ups = 0
        self._waiting: deque[_Request[Answer]] = deque()
        self._changed = threading.Condition()
        self._watchers: list[tuple[int, Future[None]]] = []
        self._worker: threading.Thread | None = None
        self._held = False
        self._closed = False

    def warm_up(self) -> Future[None]:
        """Count the request to load."""
        self.warm_ups += 1
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def close(self) -> None:
        """Stop the worker thread; waiting requests fail with `ClosedError`."""
        with self._changed:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for request in waiting:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(ClosedError("this model is closed"))

    @contextmanager
    def held(self, limit: float = 10.0) -> Iterator[None]:
        """Simulate a busy model: while the context is open, requests are accepted but not answered.

        After `limit` seconds they are answered anyway, and leaving the context raises AssertionError. So a
        caller that waits where it must not wait makes the test fail instead of hang.
        """
        overdue = threading.Event()

        def give_up() -> None:
            overdue.set()
            self._hold(False)

        timer = threading.Timer(limit, give_up)
        timer.daemon = True
        self._hold(True)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._hold(False)
        if overdue.is_set():
            raise AssertionError(f"the caller was still waiting for a busy model after {limit} s")

    def taken(self, count: int) -> Future[None]:
        """Return a future that is done once this many requests were submitted in total."""
        future: Future[None] = Future()
        with self._changed:
            self._watchers.append((count, future))
            self._tell()
        return future

    def _tell(self) -> None:
        for count, future in self._watchers:
            if len(self.requests) >= count and not future.done():
                future.set_result(None)

    def _hold(self, held: bool) -> None:
        with self._changed:
            self._held = held
            self._changed.notify_all()

    def _queue(
        self, about: str, texts: Sequence[str], answer: Callable[[list[str]], Answer]
    ) -> Future[Answer]:
        request = _Request(texts=list(texts), answer=answer)
        with self._changed:
            if self._closed:
                raise ClosedError("this model is closed")
            self.requests.append((about, request.texts))
            self._waiting.append(request)
            self._tell()
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="fake-model", daemon=True)
                self._worker.start()
            self._changed.notify_all()
        return request.future

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or (self._waiting and not self._held))
                if self._closed:
                    return
                request = self._waiting.popleft()
            if not request.future.set_running_or_notify_cancel():
                continue
            try:
                if self.error is not None:
                    raise self.error
                self.rows += len(request.texts)
                request.future.set_result(request.answer(request.texts))
            except Exception as error:
                request.future.set_exception(error)

    def _read(self, texts: Sequence[str]) -> _Read:
        repaired = [repair(text) for text in texts]
        words = [text.split() for text, _ in repaired]
        return _Read(
            texts=[" ".join(each[: self.max_words]) for each in words],
            truncated=sum(len(each) > self.max_words for each in words),
            empty=sum(map(is_empty, texts)),
            repaired=sum(changed for _, changed in repaired),
        )


def word_overlap(query: str, text: str) -> float:
    """Count the distinct words of the query that are in the text, minus a little for a longer text."""
    words = set(text.casefold().split())
    return len(words & set(query.casefold().split())) - len(words) / 1000


class FakeScorer(FakeModel[Scores]):
    """`Scorer` whose logits are the results of `score` for a query and a text.

    Args:
        score: function that returns the logit of one text.
        kind: kind of the returned scores: the logit itself (as `logit` or `raw`), or its sigmoid
            (`probability` or `auto`).
        error: error raised for every request instead of an answer, while it is set.
        max_words: maximum number of words per text; longer texts are truncated and counted.

    Attributes:
        requests: the query and the texts of each request, in order, as the model would have seen them.
    """

    def __init__(
        self,
        score: Callable[[str, str], float] = word_overlap,
        *,
        kind: ScoreKindName = "probability",
        error: Exception | None = None,
        max_words: int = 512,
    ) -> None:
        super().__init__(error=error, max_words=max_words)
        self.score = score
        self.kind = kind

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Queue the request; the worker thread answers it."""
        return self.submit_as(self.kind, query, texts)

    def submit_as(self, kind: ScoreKindName, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Run `submit` for scores of this kind."""

        def answer(taken: list[str]) -> Scores:
            read = self._read(taken)
            logits = np.array([self.score(query, text) for text in read.texts], dtype=np.float32)
            given: ScoreKind = "probability" if kind == "auto" else kind
            return Scores(
                values=sigmoid(logits) if given == "probability" else logits,
                kind=given,
                truncated=read.truncated,
                empty=read.empty,
                repaired=read.repaired,
            )

        return self._queue(query, texts, answer)


class FakeVectoriser(FakeModel[Embeddings]):
    """`Vectoriser` whose vectors depend only on the words of a text and on its role.

    Args:
        dims: number of elements per vector.
        error: error raised for every request instead of an answer, while it is set.
        max_words: maximum number of words per text; longer texts are truncated and counted.

    Attributes:
        requests: the role and the texts of each request, in order, as the model would have seen them.
    """

    def __init__(self, dims: int = 8, *, error: Exception | None = None, max_words: int = 512) -> None:
        super().__init__(error=error, max_words=max_words)
        self.dims = dims

    def prompt(self, role: Role) -> str:
        """Return an empty prompt: the fake has no settings."""
        return ""

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        """Queue the request; the worker thread answers it."""

        def answer(taken: list[str]) -> Embeddings:
            read = self._read(taken)
            rows = [self.vector(role, text) for text in read.texts]
            return Embeddings(
                values=np.stack(rows), truncated=read.truncated, empty=read.empty, repaired=read.repaired
            )

        return self._queue(role, texts, answer)

    def vector(self, role: Role, text: str) -> Float32:
        """Return the vector of a text, of shape (dims,) and length 1.

        In practice, different texts have different vectors.
        """
        numbers: Any = np.random.default_rng(zlib.crc32(f"{role}\0{text}".encode()))
        vector: Float32 = numbers.standard_normal(self.dims).astype(np.float32)
        return vector / np.float32(np.linalg.norm(vector))
