"""One queue per loaded model: two threads and the futures they answer, nothing else.

One thread tokenises ahead, taking requests in turn, a chunk of texts at a time; the other alone loads
and runs the model, and takes whatever waits whenever it is free. Batches merge the pairs of several
requests only because the model was busy; nothing ever waits for a batch to fill.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any, Protocol

from pertinence.errors import ClosedError, ModelError, PertinenceError, ScoreError
from pertinence.local.batching import Batch, Pair, Waiting
from pertinence.local.request import QueryEncoders, Request
from pertinence.scorer import Float32

__all__ = ["Model", "Scheduler"]

# Tokens that may wait, encoded, for the model: enough to sort by length, little enough to hold.
_READ_AHEAD = 262_144
# Texts, and characters, that are tokenised before it is another request's turn.
_CHUNK_TEXTS = 128
_CHUNK_CHARACTERS = 500_000


class Model(QueryEncoders, Protocol):
    """What the two threads work with, once the model's thread has loaded it."""

    def pad(self, pairs: Sequence[Pair[Any]]) -> Batch:
        """Arrays for the model; called by the model's thread alone."""

    def run(self, batch: Batch) -> Float32:
        """Raw outputs of shape (rows, labels); called by the model's thread alone."""

    def load(self) -> None:
        """Load everything; called by the model's thread alone. Loading twice does nothing."""

    def unload(self) -> None:
        """Give memory back; the last call of the model's thread."""

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
        self._loading = False
        self._ready = False
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

    def close(self, *, wait_for_load: bool = False) -> None:
        """Answer what waits with `ClosedError`, end the threads and unload the model.

        It waits for a batch that is running. A model that is still loading is waited for only if
        asked; otherwise it is unloaded by its thread as soon as it is there.
        """
        with self._changed:
            self._closed = True
            loading = self._loading
            requests, loads = list(self._live), list(self._to_load)
            self._to_load.clear()
            self._changed.notify_all()
        for future in (*(request.future for request in requests), *loads):
            _fail(future, ClosedError("the model was closed before this request was answered"))
        for thread in self._threads:
            if thread is not threading.current_thread() and (wait_for_load or not loading):
                thread.join()

    def _start(self) -> None:
        """Start the threads with the first request; called with the lock held."""
        if self._closed:
            raise ClosedError("the model is closed")
        if not self._threads:
            for role, work in (("tokens", self._encode_all), ("model", self._run_all)):
                thread = threading.Thread(target=work, name=f"pertinence-{role}-{self._name}", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    self._closed = True
                    self._changed.notify_all()
                    raise ModelError(f"no thread can be started to run {self._name}: {error}") from error
                self._threads.append(thread)

    def _forget(self, request: Request[Any]) -> None:
        """Whatever ended the request, its pairs wait no longer."""
        if request.future.cancelled():
            # Tells those who wait for several futures at once (concurrent.futures.wait).
            request.future.set_running_or_notify_cancel()
        with self._changed:
            self._live.discard(request)
            self._waiting.drop(request)
            self._changed.notify_all()
        request.forget()

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
            pairs = request.encode(self._model, _CHUNK_TEXTS, _CHUNK_CHARACTERS)
        except BaseException as error:  # a panic of the tokenizer's own code is no Exception
            _fail(request.future, self._told(error))
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
            while not self._closed:
                request = self._pick() if self._ready else None
                if request is not None:
                    return request
                self._changed.wait()
            return None

    def _pick(self) -> Request[Any] | None:
        """Whose turn it is: one that has not begun goes before those that are far ahead of the model."""
        full = self._waiting.tokens >= _READ_AHEAD
        for _ in range(len(self._to_encode)):
            request = self._to_encode.popleft()
            if request.future.done():
                continue
            if not full or not request.begun:
                return request
            self._to_encode.append(request)
        return None

    # The model's thread.

    def _run_all(self) -> None:
        while self._work_comes():
            if self._load():
                self._run_next()
        self._model.unload()

    def _work_comes(self) -> bool:
        """Wait for something to load or to answer; False when the model is closed."""
        with self._changed:
            while not (self._closed or self._to_load or self._live):
                self._changed.wait()
            return not self._closed

    def _load(self) -> bool:
        """Load the model if it is not; a failure is everybody's answer, and the next request tries anew."""
        with self._changed:
            self._loading = not self._ready
        error: BaseException | None = None
        try:
            self._model.load()
        except BaseException as caught:
            error = caught
        with self._changed:
            self._loading = False
            self._ready = error is None
            loads = list(self._to_load)
            self._to_load.clear()
            requests = list(self._live) if error else []
            self._changed.notify_all()
        for future in loads:
            if error is None:
                _answer(future, None)
            else:
                _fail(future, self._told(error))
        if error is not None:
            for request in requests:
                _fail(request.future, self._told(error))
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
        except BaseException as error:
            for request in {pair.owner for pair in pairs}:
                _fail(request.future, self._told(error))
            return
        for pair, row in zip(pairs, rows, strict=True):
            self._give(pair, row)

    def _give(self, pair: Pair[Request[Any]], row: Float32) -> None:
        """Hand a row to its request, and answer it if that was the last one."""
        request = pair.owner
        try:
            if not request.future.done():
                request.take(pair.index, row)
                if request.complete:
                    _answer(request.future, request.finish())
        except BaseException as error:
            _fail(request.future, self._told(error))

    def _told(self, error: BaseException) -> Exception:
        """The error for one caller: of our hierarchy, and its own object, so that tracebacks stay apart."""
        if isinstance(error, PertinenceError):
            told: Exception = copy.copy(error)
            told.__cause__ = error.__cause__
        else:
            told = ModelError(f"{self._name} failed: {type(error).__name__}: {error}")
            told.__cause__ = error
        return told


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
