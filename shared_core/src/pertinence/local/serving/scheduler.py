"""Scheduler of one loaded model: its queue, its threads and the futures that they answer.

One thread tokenizes ahead. It takes requests in turn, a chunk of texts at a time. In addition, one thread
per device loads and runs the model there, and takes whatever waits whenever the device is free. A batch
merges the pairs of several requests only because the model was busy. The scheduler never waits for a batch
to fill.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from pertinence.errors import ClosedError, ModelError, OverloadedError
from pertinence.local.batches.batching import Waiting
from pertinence.local.serving.encode_queue import EncodeQueue
from pertinence.local.serving.futures import answer, clear_frames, error_for_caller, fail
from pertinence.local.serving.request import QueryEncoders, Request
from pertinence.local.serving.worker import Pairs, Runs, Worker

__all__ = ["Model", "Scheduler"]

_log = logging.getLogger(__name__)

# Maximum number of encoded tokens that wait for the model: enough to sort pairs by length, few enough to
# keep in memory.
_READ_AHEAD = 262_144
# Limits on the texts and characters that are tokenized before the next request's turn.
_CHUNK_TEXTS = 128
_CHUNK_CHARACTERS = 500_000


class Model(QueryEncoders, Runs, Protocol):
    """Protocol of the model that the threads use, once the first device's thread has loaded it."""

    def load(self, worker: int) -> None:
        """Load everything for a device; only its thread calls this. Loading twice does nothing."""

    @property
    def workers(self) -> int:
        """Number of devices that run the model; read after the first `load`."""

    def batch_tokens(self, worker: int) -> int:
        """Return the number of tokens per batch that suits the device; called after `load`."""

    def accepts_packed(self, worker: int) -> bool:
        """Check whether the device reads packed batches, without padding; called after `load`."""


class Scheduler:
    """Scheduler that takes requests from any thread and answers their futures.

    Args:
        model: the model that encodes and runs; only this scheduler's threads use it.
        name: name of the model, for thread names and errors.
    """

    def __init__(self, model: Model, name: str) -> None:
        self._model = model
        self._name = name
        # One lock, with a separate condition for each kind of thread, so that neither is woken for the
        # other.
        self._lock = threading.RLock()
        self._to_encode = threading.Condition(self._lock)
        self._to_run = threading.Condition(self._lock)
        self._encode_queue: EncodeQueue[Request[Any]] = EncodeQueue(_READ_AHEAD)
        self._waiting: Waiting[Request[Any]] = Waiting()
        self._to_load: deque[Future[None]] = deque()
        self._live: set[Request[Any]] = set()
        self._documents = 0
        self._threads: list[threading.Thread] = []
        # Device numbers: those with a thread, those that are loading, and those that are ready to run.
        self._working: set[int] = set()
        self._loading: set[int] = set()
        self._ready: set[int] = set()
        self._closed = False

    @property
    def documents(self) -> int:
        """Number of waiting documents, over all requests that are not answered."""
        return self._documents

    @property
    def waiting_tokens(self) -> int:
        """Number of encoded tokens that wait for the model."""
        return self._waiting.tokens

    def submit(self, request: Request[Any], max_queued: int | None = None) -> None:
        """Queue a request and return at once.

        Args:
            request: the request to answer.
            max_queued: maximum number of waiting documents; the request is refused if it would exceed it.

        Raises:
            ClosedError: the model was closed.
            OverloadedError: more than `max_queued` documents would wait.
        """
        # The caller may keep the future for a long time, and the future must not keep the request alive.
        known = weakref.ref(request)
        with self._lock:
            self._start()
            if max_queued is not None and self._documents + request.documents > max_queued:
                raise OverloadedError.of(self._name, self._documents, request.documents, max_queued)
            request.future.add_done_callback(lambda _: self._forget(known()))
            self._live.add(request)
            self._documents += request.documents
            self._encode_queue.join(request)
            self._to_encode.notify()
            self._to_run.notify()

    def load(self) -> Future[None]:
        """Start loading the model and return a future that is done when the model is ready to run.

        Raises:
            ClosedError: the model was closed.
        """
        future: Future[None] = Future()
        with self._lock:
            self._start()
            self._to_load.append(future)
            self._to_run.notify()
        return future

    def withdraw(self, owner: object) -> None:
        """Fail every waiting request of `owner` with `ClosedError`."""
        with self._lock:
            requests = [request for request in self._live if request.owner is owner]
        for request in requests:
            fail(request.future, ClosedError("closed before this request was answered"))

    def close(self, *, wait_for_load: bool = False) -> None:
        """Fail waiting requests with `ClosedError`, end the threads and unload the model.

        This waits for a running batch. It waits for a model that is still loading only if `wait_for_load`
        is true. Otherwise the loading thread unloads the model as soon as loading ends.
        """
        with self._lock:
            self._closed = True
            loading = bool(self._loading)
            requests, loads = list(self._live), list(self._to_load)
            self._to_load.clear()
            self._wake_both()
        for future in (*(request.future for request in requests), *loads):
            fail(future, ClosedError("the model was closed before this request was answered"))
        for thread in self._threads:
            if thread is not threading.current_thread() and (wait_for_load or not loading):
                thread.join()

    def _start(self) -> None:
        """Start the threads at the first request; the caller holds the lock."""
        if self._closed:
            raise ClosedError("the model is closed")
        if not self._threads:
            try:
                self._begin("tokens", self._encode_all)
                self._begin_worker(0)
            except RuntimeError as error:
                self._closed = True
                self._wake_both()
                raise ModelError(f"no thread can be started to run {self._name}: {error}") from error

    def _begin(self, role: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=f"pertinence-{role}-{self._name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _begin_worker(self, number: int) -> None:
        self._begin(
            f"model-{number}" if number else "model", Worker(self._model, number, self, self._name).run
        )
        self._working.add(number)

    def _wake_both(self) -> None:
        self._to_encode.notify()
        self._to_run.notify_all()

    def _forget(self, request: Request[Any] | None) -> None:
        """Remove a request from all queues, for whatever reason it ended."""
        if request is None:
            return
        if request.future.cancelled():
            # Notify callers that wait for several futures at once (concurrent.futures.wait).
            request.future.set_running_or_notify_cancel()
        with self._lock:
            if request in self._live:
                self._live.remove(request)
                self._documents -= request.documents
            self._encode_queue.drop(request)
            self._waiting.drop(request)
            self._wake_both()
        request.forget()

    # The tokenizing thread.

    # Each turn is a separate call: the local variables of a waiting thread must not keep the last request
    # alive.

    def _encode_all(self) -> None:
        while self._encode_next():
            pass

    def _encode_next(self) -> bool:
        request = self._next_to_encode()
        if request is None:
            return False
        try:
            pairs = request.encode(self._model, _CHUNK_TEXTS, _CHUNK_CHARACTERS)
        except BaseException as error:  # a panic in the tokenizer's native code is not an Exception
            fail(request.future, error_for_caller(error, self._name))
            return True
        with self._lock:
            if not request.future.done():
                self._waiting.add(request, pairs)
                if not request.encoded:
                    self._encode_queue.again(request)
                self._to_run.notify_all()
        return True

    def _next_to_encode(self) -> Request[Any] | None:
        with self._lock:
            while not self._closed:
                request = self._encode_queue.next(self._waiting) if self._ready else None
                if request is not None:
                    return request
                self._to_encode.wait()
            return None

    # Methods that the devices' threads call.

    def wait_for_work(self) -> bool:
        """Wait for something to load or to answer; return False when the model is closed."""
        with self._lock:
            while not (self._closed or self._to_load or self._live):
                self._to_run.wait()
            return not self._closed

    def load_on(self, worker: int) -> bool | None:
        """Load the model on a device if needed.

        Returns True if it is loaded, False if loading failed, and None if the thread must end.

        If no other device is working, a failure is the answer to every waiting request, and the next
        request tries again. Otherwise the scheduler gives the device up, and the other devices continue.
        """
        with self._lock:
            if worker not in self._ready:
                self._loading.add(worker)
        try:
            self._model.load(worker)
        except BaseException as error:
            clear_frames(error)
            return self._not_loaded(worker, error)
        with self._lock:
            self._loading.discard(worker)
            self._ready.add(worker)
            self._begin_others()
            loads = self._take_loads()
        for future in loads:
            answer(future, None)
        return True

    def _not_loaded(self, worker: int, error: BaseException) -> bool | None:
        with self._lock:
            self._loading.discard(worker)
            self._ready.discard(worker)
            if self._working - {worker}:
                self._working.discard(worker)
                _log.error("%s goes on without device %d: %s", self._name, worker, error)
                self._wake_both()
                return None
            loads, requests = self._take_loads(), list(self._live)
        for future in [*loads, *(request.future for request in requests)]:
            fail(future, error_for_caller(error, self._name))
        return False

    def _take_loads(self) -> list[Future[None]]:
        """Remove and return the futures that wait for the model to load; the caller holds the lock."""
        loads = list(self._to_load)
        self._to_load.clear()
        self._to_encode.notify()
        return loads

    def next_pairs(self, worker: int, *, wait: bool) -> Pairs:
        """Return the next batch; empty if none waits and `wait` is False, or if no more can come."""
        with self._lock:
            while wait and not (self._closed or self._to_load or self._waiting):
                if not self._live:
                    return []
                self._to_run.wait()
            if self._closed or not self._waiting:
                return []
            pairs = self._waiting.next_batch(
                self._model.batch_tokens(worker), packed=self._model.accepts_packed(worker)
            )
            if self._encode_queue:
                self._to_encode.notify()
            return pairs

    def fail_all(self, error: BaseException) -> None:
        """Fail all waiting requests with an error that does not belong to a single batch.

        Later requests try again.
        """
        with self._lock:
            requests = list(self._live)
        for request in requests:
            fail(request.future, error_for_caller(error, self._name))

    def _begin_others(self) -> None:
        """Start a thread for each further device, once the first device has reported how many there are."""
        for number in range(len(self._working), self._model.workers if len(self._threads) == 2 else 0):
            try:
                self._begin_worker(number)
            except RuntimeError as error:
                _log.error("%s goes on without device %d: %s", self._name, number, error)
