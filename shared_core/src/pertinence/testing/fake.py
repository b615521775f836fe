"""A scorer without a model: it answers from its own thread, counts its rows, waits or fails as told."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from pertinence.errors import ClosedError
from pertinence.integration import Options
from pertinence.reranker import Reranker
from pertinence.scorer import ScoreKind, ScoreKindName, Scorer, Scores, sigmoid
from pertinence.texts import repair

__all__ = ["FakeScorer", "scoring_with", "word_overlap"]


def word_overlap(query: str, text: str) -> float:
    """How many distinct words of the query stand in the text, less a little for a longer text."""
    words = set(text.casefold().split())
    return len(words & set(query.casefold().split())) - len(words) / 1000


@dataclass(frozen=True, kw_only=True)
class _Request:
    query: str
    texts: list[str]
    kind: ScoreKindName
    future: Future[Scores]


class FakeScorer:
    """A `Scorer` whose logits are what `score` makes of a query and a text.

    Args:
        score: the logit of one text.
        kind: what it hands out: the logit itself (as `logit` or `raw`), or its sigmoid (`probability`
            or `auto`).
        error: raised for every request instead of an answer, while it is set.
        max_words: texts are cut to so many words, and the cut ones counted.

    Attributes:
        rows: how many texts were scored.
        requests: what was submitted, in order: query and texts as the model would have seen them.
        warm_ups: how often it was asked to load.
    """

    name = "fake"

    def __init__(
        self,
        score: Callable[[str, str], float] = word_overlap,
        *,
        kind: ScoreKindName = "probability",
        error: Exception | None = None,
        max_words: int = 512,
    ) -> None:
        self.score = score
        self.kind = kind
        self.error = error
        self.max_words = max_words
        self.rows = 0
        self.requests: list[tuple[str, list[str]]] = []
        self.warm_ups = 0
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._watchers: list[tuple[int, Future[None]]] = []
        self._worker: threading.Thread | None = None
        self._held = False
        self._closed = False

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Take the request; the worker thread answers it."""
        return self._submit(query, texts, self.kind)

    def warm_up(self) -> Future[None]:
        """Count that it was asked for."""
        self.warm_ups += 1
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def close(self) -> None:
        """Stop the worker; what waits is answered with `ClosedError`."""
        with self._changed:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for request in waiting:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(ClosedError("this scorer is closed"))

    @contextmanager
    def held(self, limit: float = 10.0) -> Iterator[None]:
        """Inside, requests are taken but none is answered: a model that is busy.

        After `limit` seconds they are answered all the same and leaving raises AssertionError, so that
        a caller who waits where it must not is a failure and not a hang.
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
        """A future that is done when so many requests were submitted in all."""
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

    def _submit(self, query: str, texts: Sequence[str], kind: ScoreKindName) -> Future[Scores]:
        request = _Request(query=query, texts=list(texts), kind=kind, future=Future())
        with self._changed:
            if self._closed:
                raise ClosedError("this scorer is closed")
            self.requests.append((query, request.texts))
            self._waiting.append(request)
            self._tell()
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="fake-scorer", daemon=True)
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
                request.future.set_result(self._answer(request))
            except Exception as error:
                request.future.set_exception(error)

    def _answer(self, request: _Request) -> Scores:
        if self.error is not None:
            raise self.error
        repaired = [repair(text) for text in request.texts]
        words = [text.split() for text, _ in repaired]
        self.rows += len(words)
        logits = np.array(
            [self.score(request.query, " ".join(each[: self.max_words])) for each in words], dtype=np.float32
        )
        kind: ScoreKind = "probability" if request.kind == "auto" else request.kind
        return Scores(
            values=sigmoid(logits) if kind == "probability" else logits,
            kind=kind,
            truncated=sum(len(each) > self.max_words for each in words),
            empty=sum(not each for each in words),
            repaired=sum(changed for _, changed in repaired),
        )


class _Borrowed:
    """What a reranker gets of a shared `FakeScorer`: its own score kind, and no power to close it."""

    def __init__(self, scorer: FakeScorer, kind: ScoreKindName) -> None:
        self._scorer = scorer
        self._kind = kind
        self.name = scorer.name

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        return self._scorer._submit(query, texts, self._kind)

    def warm_up(self) -> Future[None]:
        return self._scorer.warm_up()

    def close(self) -> None:
        return None


@contextmanager
def scoring_with(scorer: FakeScorer) -> Iterator[list[Options]]:
    """Inside, every reranker that is made scores with `scorer`, in this whole process; no model is loaded.

    Gives the options of the rerankers that were made, in order: what an adapter asked for.
    """
    made: list[Options] = []
    setup = Reranker._setup

    def setup_with_fake(self: Reranker, options: Options, given: Scorer | None) -> None:
        made.append(options)
        setup(self, options, given or _Borrowed(scorer, options.score_kind))

    with patch.object(Reranker, "_setup", setup_with_fake):
        yield made
