"""Progress of long work on standard error: a bar on a terminal, or a line from time to time in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

__all__ = ["Gauge"]

# Seconds between two log lines about the same work.
_EVERY = 30.0


class Gauge:
    """Progress display that is called with the current work and its progress; short work leaves no line."""

    def __init__(self, command: str, subject: str) -> None:
        self._command = command
        self._subject = subject
        self._work: str | None = None
        self._bar: Any = None
        self._since = self._last = 0.0
        self._from = 0

    def __call__(self, system: str, done: int, total: int) -> None:
        """Show that `done` of `total` items are done."""
        if system != self._work:
            self._begin(system, done, total)
        elif self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            self._say(self._line(done, total))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _begin(self, work: str, done: int, total: int) -> None:
        self._end()
        self._work, self._from = work, done
        self._since = self._last = time.monotonic()
        if done:
            whole = "all" if done == total else f"{done} of"
            self._say(f"{work}: {whole} {total} were done before")
        if done < total and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm  # type: ignore[import-untyped]

            name = f"{self._subject}, {work}"
            self._bar = tqdm(total=total, initial=done, desc=name, delay=1, leave=False, file=sys.stderr)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, done: int, total: int) -> str:
        speed = (done - self._from) / max(time.monotonic() - self._since, 1e-9)
        left = f", {(total - done) / speed:.0f} s left" if speed else ""
        return f"{self._work}: {done} of {total}, {speed:.1f}/s{left}"

    def _say(self, text: str) -> None:
        if sys.stderr is not None:
            print(f"{self._command}: {self._subject}: {text}", file=sys.stderr, flush=True)
