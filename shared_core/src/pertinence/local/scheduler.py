"""One queue per loaded model: two threads and the futures they answer, nothing else.

One thread tokenises ahead, taking requests in turn, a chunk of texts at a time; the other alone
touches the model, and takes whatever waits whenever it is free. Batches merge the pairs of several
requests only because the model was busy; nothing ever waits for a batch to fill.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any, Protocol

from pertinence.errors import ClosedError, PertinenceError, ScoreError
from pertinence.local.batching import Batch, Pair, Waiting
from pertinence.local.request import QueryEncoders, Request
from pertinence.scorer import Float32

__all__ = ["Model", "Scheduler"]

# Tokens that may wait, encoded, for the model: enough to sort by length, little enough to hold.
_READ_AHEAD = 262_144
# Texts that are tokenised before it is another request's turn.
_CHUNK = 128


class Model(QueryEncoders, Protocol):
    """What the two threads work with; loaded by them, on first use, each part by its own thread."""

    def pad(self, pairs: Sequence[Pair[Any]]) -> Batch:
        """Arrays for the model; called by the model's thread alone."""

    def run(self, batch: Batch) -> Float32:
        """Raw outputs of shape (rows, labels); called by the model's thread alone."""

    def load(self) -> None:
        """Load everything; called by the model's thread alone. Loading twice does nothing."""

    def unload(self) -> None:
        """Give memory back; called once, when no thread uses the model."""

    @property
    def batch_tokens(self) -> int:
        """Tokens of a batch that suit the device; asked for after `load`."""


class Scheduler:
    """Takes requests from any thread and answers their futures.

    Args:
        model: what encodes and runs; only this scheduler's threads touch it.
        name: for the names of the threads.
    """

    def __init__(self, model: Model, name: str) -> None:
        self._model = model
        self._name = name
        self._changed = threading.Condition()
        self._to_encode: deque[Request[Any]] = deque()
        self._to_load: deque[Future[None]] = deque()
        self._waiting: Waiting[Request[Any]] = Waiting()
        self._live: set[Request[Any]] = set()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, request: Request[Any]) -> None:
        """Queue a request and return at once.

        Raises:
            ClosedError: the model was closed.
        """
        with self._changed:
            self._start()
            self._live.add(request)
            self._to_encode.append(request)
            self._changed.notify_all()
        request.future.add_done_callback(lambda _: self._forget(request))

    def load(self) -> Future[None]:
        """A future that is done when the model is ready to run.

        Raises:
            ClosedError: the model was closed.
        """
        future: Future[None] = Future()
        with self._changed:
            self._start()
            self._to_load.append(future)
            self._changed.notify_all()
        return future

    def withdraw(self, owner: object) -> None:
        """Answer every request of `owner` that still waits with `ClosedError`."""
        with self._changed:
            requests = [request for request in self._live if request.owner is owner]
        for request in requests:
            _fail(request.future, ClosedError("closed before this request was answered"))

    def close(self) -> None:
        """Answer what waits with `ClosedError`, end the threads and unload the model."""
        with self._changed:
            self._closed = True
            requests, loads = list(self._live), list(self._to_load)
            self._to_load.clear()
            self._changed.notify_all()
        for future in (*(request.future for request in requests), *loads):
            _fail(future, ClosedError("the model was closed before this request was answered"))
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._model.unload()

    def _start(self) -> None:
        """Start the threads with the first request; called with the lock held."""
        if self._closed:
            raise ClosedError("the model is closed")
        if not self._threads:
            for role, work in (("tokens", self._encode_all), ("model", self._run_all)):
                thread = threading.Thread(target=work, name=f"pertinence-{role}-{self._name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _forget(self, request: Request[Any]) -> None:
        """Whatever ended the request, its pairs wait no longer."""
        if request.future.cancelled():
            # Tells those who wait for several futures at once (concurrent.futures.wait).
            request.future.set_running_or_notify_cancel()
        with self._changed:
            self._live.discard(request)
            self._waiting.drop(request)
            self._changed.notify_all()

    # The tokenising thread.

    # Each turn is a call of its own: a thread that waits must not keep the last request alive.

    def _encode_all(self) -> None:
        while self._encode_next():
            pass

    def _encode_next(self) -> bool:
        request = self._next_to_encode()
        if request is None:
            return False
        try:
            pairs = request.encode(self._model, _CHUNK)
        except Exception as error:
            _fail(request.future, error)
            return True
        with self._changed:
            if not request.future.done():
                self._waiting.add(request, pairs)
                if not request.encoded:
                    self._to_encode.append(request)
                self._changed.notify_all()
        return True

    def _next_to_encode(self) -> Request[Any] | None:
        with self._changed:
            while True:
                if self._closed:
                    return None
                while self._to_encode and self._waiting.tokens < _READ_AHEAD:
                    request = self._to_encode.popleft()
                    if not request.future.done():
                        return request
                self._changed.wait()

    # The model's thread.

    def _run_all(self) -> None:
        while self._work_comes():
            if self._load():
                self._run_next()

    def _work_comes(self) -> bool:
        """Wait for something to load or to answer; False when the model is closed."""
        with self._changed:
            while not (self._closed or self._to_load or self._live):
                self._changed.wait()
            return not self._closed

    def _load(self) -> bool:
        """Load the model if it is not; a failure is everybody's answer, and the next request tries anew."""
        error: Exception | None = None
        try:
            self._model.load()
        except Exception as caught:
            error = caught
        with self._changed:
            loads = list(self._to_load)
            self._to_load.clear()
            requests = list(self._live) if error else []
        for future in loads:
            if error is None:
                _answer(future, None)
            else:
                _fail(future, error)
        for request in requests:
            _fail(request.future, error or ClosedError("not loaded"))
        return error is None

    def _next_pairs(self) -> list[Pair[Request[Any]]]:
        with self._changed:
            while not (self._closed or self._to_load or self._waiting):
                if not self._live:
                    return []
                self._changed.wait()
            if self._closed:
                return []
            pairs = self._waiting.next_batch(self._model.batch_tokens)
            self._changed.notify_all()
            return pairs

    def _run_next(self) -> None:
        pairs = self._next_pairs()
        if not pairs:
            return
        try:
            rows = self._model.run(self._model.pad(pairs))
            if len(rows) != len(pairs):
                raise ScoreError(f"the model gave {len(rows)} rows for {len(pairs)} pairs")
        except Exception as error:
            for request in {pair.owner for pair in pairs}:
                _fail(request.future, error)
            return
        for pair, row in zip(pairs, rows, strict=True):
            pair.owner.take(pair.index, row)
        for request in {pair.owner for pair in pairs}:
            if request.complete:
                self._finish(request)

    def _finish(self, request: Request[Any]) -> None:
        try:
            result = request.finish()
        except PertinenceError as error:
            _fail(request.future, error)
        else:
            _answer(request.future, result)


def _answer(future: Future[Any], result: object) -> None:
    try:
        future.set_result(result)
    except InvalidStateError:
        pass  # It was cancelled, or answered by a close, in the meantime: that answer stands.


def _fail(future: Future[Any], error: Exception) -> None:
    try:
        future.set_exception(error)
    except InvalidStateError:
        pass
