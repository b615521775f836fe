"""Worker that takes batches from the shared queue, runs them on one device and answers their requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pertinence.errors import ScoreError
from pertinence.local.batches.batching import Pair
from pertinence.local.runtimes.running import Collect
from pertinence.local.serving.futures import answer, clear_frames, error_for_caller, fail
from pertinence.local.serving.request import Request

__all__ = ["Runs", "WorkQueue", "Worker"]

Pairs = list[Pair[Request[Any]]]


class Runs(Protocol):
    """Protocol of a model as a worker uses it; each device of the model has its own worker."""

    def start(self, pairs: Sequence[Pair[Any]], worker: int) -> Collect:
        """Send a batch to the device and return a function that waits for its rows."""

    def max_in_flight(self, worker: int) -> int:
        """Return how many batches the device may have in flight at once."""

    def unload(self, worker: int) -> None:
        """Free the device's memory; this is the worker's last call."""


class WorkQueue(Protocol):
    """Protocol of the queue that workers take their work from."""

    def wait_for_work(self) -> bool:
        """Wait for something to load or to answer; return False when the model is closed."""

    def load_on(self, worker: int) -> bool | None:
        """Load the model on the device if needed.

        Returns True if it is loaded, False if loading failed, and None if the worker must end.
        """

    def next_pairs(self, worker: int, *, wait: bool) -> Pairs:
        """Return the next batch; empty if none waits and `wait` is False, or if no more can come."""

    def fail_all(self, error: BaseException) -> None:
        """Fail all waiting requests with an error that does not belong to a single batch."""


@dataclass(frozen=True, eq=False)
class _Flight:
    """Batch that the device is computing."""

    pairs: Pairs
    collect: Collect


class Worker:
    """Loop of one device's thread.

    While the device computes a batch, the worker prepares the next one and sends it, if the device accepts
    several batches at once.

    Args:
        model: the model to run.
        number: number of the device.
        work_queue: the queue that all workers share.
        name: name of the model, for errors.
    """

    def __init__(self, model: Runs, number: int, work_queue: WorkQueue, name: str) -> None:
        self._model = model
        self._number = number
        self._work_queue = work_queue
        self._name = name
        self._flying: deque[_Flight] = deque()

    def run(self) -> None:
        """Process batches until the model is closed or this device is given up."""
        while self._work_queue.wait_for_work():
            loaded = self._work_queue.load_on(self._number)
            if loaded is None:
                # No other worker answers the batches in flight here, so finish each one, with rows or an
                # error.
                while self._flying:
                    self._finish()
                break
            if loaded:
                try:
                    self._advance()
                except BaseException as error:
                    # If this thread ended here, all callers would wait forever.
                    self._work_queue.fail_all(error)
        self._flying.clear()
        self._model.unload(self._number)

    # Each step is a separate call: the local variables of a waiting thread must not keep the last request
    # alive.

    def _advance(self) -> None:
        """Start another batch if the device accepts one more; otherwise finish the oldest."""
        max_in_flight = self._model.max_in_flight(self._number)
        if len(self._flying) < max_in_flight and self._start() and len(self._flying) < max_in_flight:
            return
        if self._flying:
            self._finish()

    def _start(self) -> bool:
        pairs = self._work_queue.next_pairs(self._number, wait=not self._flying)
        if not pairs:
            return False
        try:
            self._flying.append(_Flight(pairs, self._model.start(pairs, self._number)))
        except BaseException as error:
            self._fail(pairs, error)
        return True

    def _finish(self) -> None:
        flight = self._flying.popleft()
        try:
            rows = flight.collect()
            if len(rows) != len(flight.pairs):
                raise ScoreError(f"the model gave {len(rows)} rows for {len(flight.pairs)} pairs")
            for pair, row in zip(flight.pairs, rows, strict=True):
                if isinstance(row, Exception):
                    fail(pair.owner.future, error_for_caller(row, self._name))
                elif not pair.owner.future.done():
                    pair.owner.take(pair.index, row)
        except BaseException as error:
            self._fail(flight.pairs, error)
            return
        for request in dict.fromkeys(pair.owner for pair in flight.pairs):
            self._answer(request)

    def _fail(self, pairs: Pairs, error: BaseException) -> None:
        clear_frames(error)
        for request in dict.fromkeys(pair.owner for pair in pairs):
            fail(request.future, error_for_caller(error, self._name))

    def _answer(self, request: Request[Any]) -> None:
        """Answer a request if all of its rows have been computed."""
        try:
            if request.complete and not request.future.done():
                answer(request.future, request.finish())
        except BaseException as error:
            fail(request.future, error_for_caller(error, self._name))
