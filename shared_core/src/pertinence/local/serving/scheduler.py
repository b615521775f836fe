"""One queue per loaded model: its threads and the futures they answer, nothing else.

One thread tokenises ahead, taking requests in turn, a chunk of texts at a time; one for each device alone
loads and runs the model there, and takes whatever waits whenever it is free. Batches merge the pairs of
several requests only because the model was busy; nothing ever waits for a batch to fill.
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
from pertinence.local.serving.encode_queue import Turns
from pertinence.local.serving.futures import answer, fail, let_go, told
from pertinence.local.serving.request import QueryEncoders, Request
from pertinence.local.serving.worker import Pairs, Runs, Worker

__all__ = ["Model", "Scheduler"]

_log = logging.getLogger(__name__)

# Tokens that may wait, encoded, for the model: enough to sort by length, little enough to hold.
_READ_AHEAD = 262_144
# Texts, and characters, that are tokenised before it is another request's turn.
_CHUNK_TEXTS = 128
_CHUNK_CHARACTERS = 500_000


class Model(QueryEncoders, Runs, Protocol):
    """What the threads work with, once the first device's thread has loaded it."""

    def load(self, worker: int) -> None:
        """Load everything for a device; called by its thread alone. Loading twice does nothing."""

    @property
    def workers(self) -> int:
        """How many devices run it; asked for after the first `load`."""

    def batch_tokens(self, worker: int) -> int:
        """Tokens of a batch that suit the device; asked for after `load`."""

    def packs(self, worker: int) -> bool:
        """Whether the device reads batches without padding; asked for after `load`."""


class Scheduler:
    """Takes requests from any thread and answers their futures.

    Args:
        model: what encodes and runs; only this scheduler's threads touch it.
        name: for the names of the threads, and for errors.
    """

    def __init__(self, model: Model, name: str) -> None:
        self._model = model
        self._name = name
        # One lock, and a condition for each kind of thread, so that neither is woken for the other's sake.
        self._lock = threading.RLock()
        self._to_encode = threading.Condition(self._lock)
        self._to_run = threading.Condition(self._lock)
        self._turns: Turns[Request[Any]] = Turns(_READ_AHEAD)
        self._waiting: Waiting[Request[Any]] = Waiting()
        self._to_load: deque[Future[None]] = deque()
        self._live: set[Request[Any]] = set()
        self._documents = 0
        self._threads: list[threading.Thread] = []
        # Devices by their numbers: those with a thread, those that load, and those that are ready to run.
        self._working: set[int] = set()
        self._loading: set[int] = set()
        self._ready: set[int] = set()
        self._closed = False

    @property
    def documents(self) -> int:
        """How many documents wait, over all requests that are not answered."""
        return self._documents

    @property
    def waiting_tokens(self) -> int:
        """How many tokens wait for the model, encoded."""
        return self._waiting.tokens

    def submit(self, request: Request[Any], max_queued: int | None = None) -> None:
        """Queue a request and return at once.

        Args:
            request: what to answer.
            max_queued: refuse it if it would make more documents wait than this.

        Raises:
            ClosedError: the model was closed.
            OverloadedError: there would be more than `max_queued`.
        """
        # The future lives as long as its caller likes, and must not keep the request for so long.
        known = weakref.ref(request)
        with self._lock:
            self._start()
            if max_queued is not None and self._documents + request.documents > max_queued:
                raise OverloadedError.of(self._name, self._documents, request.documents, max_queued)
            request.future.add_done_callback(lambda _: self._forget(known()))
            self._live.add(request)
            self._documents += request.documents
            self._turns.join(request)
            self._to_encode.notify()
            self._to_run.notify()

    def load(self) -> Future[None]:
        """A future that is done when the model is ready to run.

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
        """Answer every request of `owner` that still waits with `ClosedError`."""
        with self._lock:
            requests = [request for request in self._live if request.owner is owner]
        for request in requests:
            fail(request.future, ClosedError("closed before this request was answered"))

    def close(self, *, wait_for_load: bool = False) -> None:
        """Answer what waits with `ClosedError`, end the threads and unload the model.

        It waits for a batch that is running. A model that is still loading is waited for only if
        asked; otherwise it is unloaded by its thread as soon as it is there.
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
        """Start the threads with the first request; called with the lock held."""
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
        """Whatever ended the request, its texts and pairs wait no longer."""
        if request is None:
            return
        if request.future.cancelled():
            # Tells those who wait for several futures at once (concurrent.futures.wait).
            request.future.set_running_or_notify_cancel()
        with self._lock:
            if request in self._live:
                self._live.remove(request)
                self._documents -= request.documents
            self._turns.drop(request)
            self._waiting.drop(request)
            self._wake_both()
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
            fail(request.future, told(error, self._name))
            return True
        with self._lock:
            if not request.future.done():
                self._waiting.add(request, pairs)
                if not request.encoded:
                    self._turns.again(request)
                self._to_run.notify_all()
        return True

    def _next_to_encode(self) -> Request[Any] | None:
        with self._lock:
            while not self._closed:
                request = self._turns.next(self._waiting) if self._ready else None
                if request is not None:
                    return request
                self._to_encode.wait()
            return None

    # What the devices' threads ask for.

    def work_comes(self) -> bool:
        """Wait for something to load or to answer; False when the model is closed."""
        with self._lock:
            while not (self._closed or self._to_load or self._live):
                self._to_run.wait()
            return not self._closed

    def load_on(self, worker: int) -> bool | None:
        """Load the model on a device if it is not; whether it is there, and None if its thread is to end.

        Where no other device is at work a failure is everybody's answer, and the next request tries anew.
        Else the device is given up, and the others go on without it.
        """
        with self._lock:
            if worker not in self._ready:
                self._loading.add(worker)
        try:
            self._model.load(worker)
        except BaseException as error:
            let_go(error)
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
            fail(future, told(error, self._name))
        return False

    def _take_loads(self) -> list[Future[None]]:
        """Whoever waits for the model to be loaded; under the lock."""
        loads = list(self._to_load)
        self._to_load.clear()
        self._to_encode.notify()
        return loads

    def next_pairs(self, worker: int, *, wait: bool) -> Pairs:
        """The next batch; empty if none waits and `wait` is False, or if nothing more can come."""
        with self._lock:
            while wait and not (self._closed or self._to_load or self._waiting):
                if not self._live:
                    return []
                self._to_run.wait()
            if self._closed or not self._waiting:
                return []
            pairs = self._waiting.next_batch(
                self._model.batch_tokens(worker), packed=self._model.packs(worker)
            )
            if self._turns:
                self._to_encode.notify()
            return pairs

    def fail_all(self, error: BaseException) -> None:
        """Answer whatever waits with an error that is no one batch's; the next request tries anew."""
        with self._lock:
            requests = list(self._live)
        for request in requests:
            fail(request.future, told(error, self._name))

    def _begin_others(self) -> None:
        """A thread for each further device, once the first has told how many there are."""
        for number in range(len(self._working), self._model.workers if len(self._threads) == 2 else 0):
            try:
                self._begin_worker(number)
            except RuntimeError as error:
                _log.error("%s goes on without device %d: %s", self._name, number, error)
