"""A process for each contender, so that threads and memory of runtimes do not mix: the asking side.

One line of JSON goes in, one comes out, and a worker is idle in between: whoever asks decides whose turn
it is. `benchmarks.worker` is the other side.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

__all__ = ["Worker", "WorkerError"]

_ROOT = Path(__file__).parents[1]


class WorkerError(Exception):
    """What was asked of a worker failed there; the message is its own."""


class Worker:
    """An object in a process of its own, made by `module.opened(**arguments)`.

    Args:
        module: where `opened` is.
        arguments: for `opened`, as JSON takes them.

    Raises:
        WorkerError: `opened` has raised.
    """

    def __init__(self, module: str, **arguments: Any) -> None:
        # Libraries talk a lot: what they say is shown only if the process dies of it.
        self._said = TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            encoding="utf-8",
        )
        try:
            self._ask({"module": module, "arguments": arguments})
        except BaseException:
            self.close()
            raise

    @property
    def process(self) -> int:
        """The id of the process."""
        return self._process.pid

    def call(self, method: str, **arguments: Any) -> Any:
        """What a method of the object gives, as JSON carries it.

        Raises:
            WorkerError: the method has raised, or the process has died.
        """
        return self._ask({"method": method, "arguments": arguments})

    def stopwatch(self, method: str, **arguments: Any) -> Callable[[], float]:
        """A call of a method that gives seconds, to be made when it is its turn."""
        return lambda: float(self.call(method, **arguments))

    def peak_memory(self) -> int:
        """Bytes that the process has held at most so far; 0 where the system does not tell."""
        return int(self._ask({"peak_memory": True}))

    def close(self) -> None:
        """End the process; closing twice is fine."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"the process ended with {self._process.wait()}: {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["value"]

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read()[-2000:].strip() or "it said nothing"
