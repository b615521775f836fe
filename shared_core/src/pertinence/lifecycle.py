"""What a reranker and an embedder have in common: a wing, opened on first use and given back once."""

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

__all__ = ["Opened", "Wing", "wait"]

R = TypeVar("R")


class Wing(Protocol):
    """What answers: a model on this machine, or an endpoint."""

    @property
    def name(self) -> str:
        """The model, as its user would name it."""

    def warm_up(self) -> Future[None]:
        """Load what answering needs, ahead of the first request."""

    def close(self) -> None:
        """Give back what is held; requests that wait are answered with `ClosedError`."""


W = TypeVar("W", bound=Wing)


class Opened(ABC, Generic[W]):
    """Options, and the wing that they describe while it is open."""

    def _setup(self, options: Options, wing: W | None) -> None:
        self._options = options
        self._wing = wing
        self._closed = False
        self._lock = threading.Lock()

    @classmethod
    def from_options(cls, options: Options) -> Self:
        """One with these options."""
        opened = cls.__new__(cls)
        opened._setup(options, None)
        return opened

    @property
    def options(self) -> Options:
        """What it was asked to be."""
        return self._options

    @property
    def model(self) -> str:
        """The model, as its user would name it."""
        return self._open().name

    @property
    def rows_run(self) -> int:
        """How many texts its wing has run so far, for a progress bar; 0 if the wing does not count."""
        return getattr(self._wing, "rows_run", 0)

    def warm_up(self) -> None:
        """Load the model now rather than on first use."""
        wait(self._open().warm_up())

    async def awarm_up(self) -> None:
        """`warm_up` for an event loop."""
        await asyncio.wrap_future(self._open().warm_up())

    def close(self) -> None:
        """Give the model back; it is unloaded when nobody else holds it. Closing twice is fine."""
        with self._lock:
            self._closed = True
            wing, self._wing = self._wing, None
        if wing is not None:
            wing.close()

    async def aclose(self) -> None:
        """`close` for an event loop."""
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
        # The model stays behind: the copy shares it through the pool, or loads it where it arrives.
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
    def _make_wing(self, options: Options) -> W:
        """The wing for these options, with nothing loaded yet."""

    def _open(self) -> W:
        with self._lock:
            if self._closed:
                raise ClosedError(f"this {type(self).__name__.lower()} is closed")
            if self._wing is None:
                self._wing = self._make_wing(self._options)
            return self._wing


def wait(future: Future[R]) -> R:
    """The result; a caller that is interrupted while waiting withdraws its request."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
