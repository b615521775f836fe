"""Background thread with the event loop on which all remote calls of this process run."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future, InvalidStateError
from typing import Any, Protocol, TypeVar

from pertinence.errors import ClosedError

__all__ = ["Shared", "running_tasks", "share", "start", "unshare", "withdraw"]

R = TypeVar("R")
_SHUTDOWN = 5.0


class Shared(Protocol):
    """Resource that callers share on the loop, such as a client with its connections."""

    async def aclose(self) -> None:
        """Release the resource."""


S = TypeVar("S", bound=Shared)


class _Loop:
    """Background thread and its event loop, with the pending futures, tasks and shared resources."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.live: dict[Future[Any], object] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.shared: dict[Hashable, tuple[Any, set[object]]] = {}
        self.thread = threading.Thread(target=self._run, name="pertinence-remote", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def start(self, owner: object, work: Callable[[], Coroutine[Any, Any, R]]) -> Future[R]:
        future: Future[R] = Future()
        self.live[future] = owner
        future.add_done_callback(self._forget)
        # This call copies the caller's context, so the caller's trace continues on the loop.
        self.loop.call_soon_threadsafe(self._begin, future, work)
        return future

    def _forget(self, future: Future[Any]) -> None:
        self.live.pop(future, None)

    def _begin(self, future: Future[R], work: Callable[[], Coroutine[Any, Any, R]]) -> None:
        if future.done():
            _notify(future)
            return
        task = self.loop.create_task(work())
        self.tasks.add(task)

        def ended(_: Future[R]) -> None:
            # The future was cancelled, or failed by a close: cancel its requests too.
            if not task.done():
                _call(self.loop, task.cancel)

        def settle(_: asyncio.Task[R]) -> None:
            self.tasks.discard(task)
            _settle(future, task)

        task.add_done_callback(settle)
        future.add_done_callback(ended)

    async def shut_down(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for shared, _ in self.shared.values():
            await shared.aclose()
        await self.loop.shutdown_default_executor()


def _settle(future: Future[Any], task: asyncio.Task[Any]) -> None:
    """Copy the outcome of a task to its future. A future that is already done keeps its own outcome."""
    try:
        if task.cancelled():
            future.cancel()
        elif (error := task.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())
    except InvalidStateError:
        pass
    _notify(future)


def _notify(future: Future[Any]) -> None:
    # Notify callers that wait for several futures at once (concurrent.futures.wait).
    if future.cancelled():
        try:
            future.set_running_or_notify_cancel()
        except InvalidStateError:
            pass


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        pass  # The loop is closed, and everything on it has ended.


class _Process:
    """State of this process: its loop and the lock for it. A forked child starts without a loop."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: _Loop | None = None
        self.ended = False
        self.left_behind: list[_Loop] = []

    def running(self) -> _Loop:
        """Return the loop; start it if it is not running. The caller must hold the lock."""
        if self.ended:
            raise ClosedError("the interpreter is shutting down")
        if self.loop is None:
            self.loop = _Loop()
        return self.loop

    def forked(self) -> None:
        # Keep a reference to the parent's loop, but never use it. Freeing it would close resources with which
        # the parent still listens.
        if self.loop is not None:
            self.left_behind.append(self.loop)
        self.lock, self.loop = threading.Lock(), None

    def end(self) -> None:
        with self.lock:
            self.ended = True
            loop, self.loop = self.loop, None
        if loop is None:
            return
        for future in list(loop.live):
            _fail(future, ClosedError("the interpreter is shutting down"))
        closing = asyncio.run_coroutine_threadsafe(loop.shut_down(), loop.loop)
        try:
            closing.result(_SHUTDOWN)
        except Exception:
            pass  # The end of the process closes the rest.
        _call(loop.loop, loop.loop.stop)
        loop.thread.join(_SHUTDOWN)
        if not loop.thread.is_alive():
            loop.loop.close()


def start(owner: object, work: Callable[[], Coroutine[Any, Any, R]]) -> Future[R]:
    """Run a coroutine on the loop, and return its future. Canceling the future cancels the coroutine.

    Args:
        owner: object to pass to `withdraw` to end the call early.
        work: function that creates the coroutine; called on the loop.

    Raises:
        ClosedError: the interpreter is shutting down.
    """
    with _process.lock:
        return _process.running().start(owner, work)


def withdraw(owner: object) -> None:
    """Fail all pending calls of `owner` with `ClosedError`, and cancel their coroutines."""
    with _process.lock:
        live = {} if _process.loop is None else dict(_process.loop.live)
    for future, each in live.items():
        if each is owner:
            _fail(future, ClosedError("closed before this request was answered"))


def share(holder: object, key: Hashable, make: Callable[[], S]) -> S:
    """Return the shared resource for a key. Create it with `make` if it does not exist.

    The resource is kept until every holder has called `unshare`.

    Raises:
        ClosedError: the interpreter is shutting down.
    """
    with _process.lock:
        shared = _process.running().shared
        if key not in shared:
            shared[key] = (make(), set())
        kept, holders = shared[key]
        holders.add(holder)
        found: S = kept
        return found


def unshare(holder: object, key: Hashable) -> None:
    """Release a holder's claim on a shared resource. The resource is closed with its last holder."""
    with _process.lock:
        loop = _process.loop
        if loop is None or key not in loop.shared:
            return
        kept, holders = loop.shared[key]
        holders.discard(holder)
        if holders:
            return
        del loop.shared[key]
    _call(loop.loop, lambda: loop.tasks.add(_closing(loop, kept)))


def _closing(loop: _Loop, kept: Shared) -> asyncio.Task[None]:
    task = loop.loop.create_task(kept.aclose())
    task.add_done_callback(loop.tasks.discard)
    return task


def running_tasks() -> int:
    """Return the number of tasks on the loop, including those that close shared resources."""
    with _process.lock:
        return 0 if _process.loop is None else len(_process.loop.tasks)


def _fail(future: Future[Any], error: Exception) -> None:
    try:
        future.set_exception(error)
    except InvalidStateError:
        pass


_process = _Process()
atexit.register(_process.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forked)
