"""Common base of rerankers and embedders: an engine that is opened on first use and released once."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from pertinence.errors import ClosedError
from pertinence.options import Options

__all__ = ["Engine", "Opened", "wait"]

R = TypeVar("R")


class Engine(Protocol):
    """Engine that answers requests: a model on this machine, or an endpoint."""

    @property
    def name(self) -> str:
        """Name of the model, as its user would write it."""

    def warm_up(self) -> Future[None]:
        """Load everything that requests need, before the first request."""

    def close(self) -> None:
        """Release all resources; waiting requests fail with `ClosedError`."""


W = TypeVar("W", bound=Engine)


class Opened(ABC, Generic[W]):
    """Options, and the engine that they describe while it is open."""

    def _setup(self, options: Options, engine: W | None) -> None:
        self._options = options
        self._engine = engine
        self._closed = False
        self._lock = threading.Lock()

    @classmethod
    def from_options(cls, options: Options) -> Self:
        """Create an instance with these options."""
        opened = cls.__new__(cls)
        opened._setup(options, None)
        return opened

    @property
    def options(self) -> Options:
        """Options that this object was created with."""
        return self._options

    @property
    def model(self) -> str:
        """Name of the model, as its user would write it."""
        return self._open().name

    @property
    def rows_run(self) -> int:
        """Number of texts that the engine has run so far, for a progress bar; 0 if it does not count them."""
        return getattr(self._engine, "rows_run", 0)

    def warm_up(self) -> None:
        """Load the model now instead of on first use."""
        wait(self._open().warm_up())

    async def awarm_up(self) -> None:
        """Run `warm_up` without blocking the event loop."""
        await asyncio.wrap_future(self._open().warm_up())

    def close(self) -> None:
        """Release the model. It is unloaded when no other object uses it. Closing twice is allowed."""
        with self._lock:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    async def aclose(self) -> None:
        """Run `close` without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> tuple[Callable[[Options], Any], tuple[Options]]:
        # The model is not pickled: the copy shares it through the pool, or loads it in its new process.
        return type(self).from_options, (self._options,)

    def __repr__(self) -> str:
        defaults = type(self._options)()
        changed = [
            f"{name}={value!r}"
            for name, value in self._options.to_dict().items()
            if value != getattr(defaults, name)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    @abstractmethod
    def _make_engine(self, options: Options) -> W:
        """Create the engine for these options, with nothing loaded yet."""

    def _open(self) -> W:
        with self._lock:
            if self._closed:
                raise ClosedError(f"this {type(self).__name__.lower()} is closed")
            if self._engine is None:
                self._engine = self._make_engine(self._options)
            return self._engine


def wait(future: Future[R]) -> R:
    """Return the result of a future. If the caller is interrupted while waiting, cancel the request."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
