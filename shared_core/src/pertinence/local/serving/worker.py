"""What runs a model on one device: takes batches from the queue of all, and answers their requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pertinence.errors import ScoreError
from pertinence.local.batches.batching import Pair
from pertinence.local.runtimes.running import Collect
from pertinence.local.serving.futures import answer, fail, let_go, told
from pertinence.local.serving.request import Request

__all__ = ["Desk", "Runs", "Worker"]

Pairs = list[Pair[Request[Any]]]


class Runs(Protocol):
    """What a worker asks of a model; each of its devices has a worker of its own."""

    def start(self, pairs: Sequence[Pair[Any]], worker: int) -> Collect:
        """Hand a batch to the device; what is given back waits for its rows."""

    def ahead(self, worker: int) -> int:
        """How many batches may be on their way through the device at once."""

    def unload(self, worker: int) -> None:
        """Give the device's memory back; the last call of the worker."""


class Desk(Protocol):
    """Where work is had."""

    def work_comes(self) -> bool:
        """Wait for something to load or to answer; False when the model is closed."""

    def load_on(self, worker: int) -> bool | None:
        """Load the model on the device if need be: whether it is there, and None if the worker is to end."""

    def next_pairs(self, worker: int, *, wait: bool) -> Pairs:
        """The next batch; empty if none waits and `wait` is False, or if nothing more can come."""

    def fail_all(self, error: BaseException) -> None:
        """Answer whatever waits with an error that is no one batch's."""


@dataclass(frozen=True, eq=False)
class _Flight:
    """A batch on its way through the device."""

    pairs: Pairs
    collect: Collect


class Worker:
    """The work of one device's thread.

    While the device computes a batch, the next one is prepared and handed to it, where it takes several.

    Args:
        model: what runs.
        number: of the device.
        desk: the queue of all workers.
        name: of the model, for errors.
    """

    def __init__(self, model: Runs, number: int, desk: Desk, name: str) -> None:
        self._model = model
        self._number = number
        self._desk = desk
        self._name = name
        self._flying: deque[_Flight] = deque()

    def run(self) -> None:
        """Until the model is closed, or this device is given up."""
        while self._desk.work_comes():
            loaded = self._desk.load_on(self._number)
            if loaded is None:
                # Batches that are on their way are nobody else's: each is answered, with rows or an error.
                while self._flying:
                    self._finish()
                break
            if loaded:
                try:
                    self._advance()
                except BaseException as error:
                    # A thread that ended here would leave everybody waiting for ever.
                    self._desk.fail_all(error)
        self._flying.clear()
        self._model.unload(self._number)

    # Each step is a call of its own: a thread that waits must not keep the last request alive.

    def _advance(self) -> None:
        """Start a batch if there is room for one more, else finish the oldest."""
        ahead = self._model.ahead(self._number)
        if len(self._flying) < ahead and self._start() and len(self._flying) < ahead:
            return
        if self._flying:
            self._finish()

    def _start(self) -> bool:
        pairs = self._desk.next_pairs(self._number, wait=not self._flying)
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
                    fail(pair.owner.future, told(row, self._name))
                elif not pair.owner.future.done():
                    pair.owner.take(pair.index, row)
        except BaseException as error:
            self._fail(flight.pairs, error)
            return
        for request in dict.fromkeys(pair.owner for pair in flight.pairs):
            self._answer(request)

    def _fail(self, pairs: Pairs, error: BaseException) -> None:
        let_go(error)
        for request in dict.fromkeys(pair.owner for pair in pairs):
            fail(request.future, told(error, self._name))

    def _answer(self, request: Request[Any]) -> None:
        """Answer a request if it has all of its rows."""
        try:
            if request.complete and not request.future.done():
                answer(request.future, request.finish())
        except BaseException as error:
            fail(request.future, told(error, self._name))
