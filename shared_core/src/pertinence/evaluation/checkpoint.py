"""Append-only file of the rankings made so far, with a header that describes the evaluation.

A killed process loses only the queries in progress. If it left a half-written line, that line is cut off
when the work resumes. Resuming with other data, another model or other options raises an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pertinence.errors import InputError

__all__ = ["Checkpoint", "Ranked"]

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Ranking that a system made for one query.

    Attributes:
        query: query id.
        passages: passage ids, best first.
        scores: scores of the passages, in descending order.
        seconds: time between the previous result and this one, while the queue is kept full.
        truncated: number of passages that were cut to fit the model; None if the system does not report it.
    """

    query: str
    passages: tuple[str, ...]
    scores: tuple[float, ...]
    seconds: float = 0.0
    truncated: int | None = 0

    def to_line(self) -> str:
        """Return the ranking as one line of JSON."""
        # Nine significant digits distinguish any two float32 values.
        scores = [float(f"{score:.9g}") for score in self.scores]
        row = [self.query, self.passages, scores, round(self.seconds, 6), self.truncated]
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of(cls, line: str) -> Self:
        """Parse a line that `to_line` wrote.

        Raises:
            ValueError: the line has another format.
        """
        query, passages, scores, seconds, truncated = json.loads(line)
        if len(passages) != len(scores) or not isinstance(query, str):
            raise ValueError("no ranking")
        return cls(
            query=query,
            passages=tuple(passages),
            scores=tuple(scores),
            seconds=seconds,
            truncated=truncated,
        )


class Checkpoint:
    """File of `Ranked` entries to which more can be appended."""

    def __init__(self, file: Path, header: Mapping[str, Any]) -> None:
        self.file = file
        self.header = {"format": _FORMAT, **header}
        self._opened: Any = None

    def open(self, *, fresh: bool = False) -> Self:
        """Create the file, or continue an existing one.

        Args:
            fresh: discard what the file holds and start again.

        Raises:
            InputError: the file belongs to another evaluation (the message names the differences), is
                damaged, cannot be written, or is being written by another process.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._opened = self.file.open("ab")
            _hold(self._opened)
            if fresh or not self._usable():
                self._opened.truncate(0)
                self._write(_line(self.header))
        except BlockingIOError as error:
            self.close()
            raise InputError(f"{self.file} is being written by another process") from error
        except OSError as error:
            self.close()
            raise InputError(f"{self.file} cannot be written: {error.strerror}") from error
        except InputError:
            self.close()
            raise
        return self

    def add(self, ranked: Ranked) -> None:
        """Append a ranking and flush it, so that it survives if the process is killed."""
        self._write(f"{ranked.to_line()}\n".encode())

    def __iter__(self) -> Iterator[Ranked]:
        """Yield the rankings in the order they were added."""
        with self.file.open("rb") as lines:
            next(lines, None)
            for number, line in enumerate(lines, start=2):
                try:
                    yield Ranked.of(line.decode())
                except (ValueError, TypeError) as error:
                    raise InputError(
                        f"{self.file}, line {number}: damaged ({error}): delete it, or begin with --fresh"
                    ) from error

    def close(self) -> None:
        """Close the file and release its lock."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        # Flush each line at once: a kill can then damage this line only.
        self._opened.write(line)
        self._opened.flush()

    def _usable(self) -> bool:
        """Check whether the file can be continued, and cut off a half-written last line."""
        with self.file.open("rb+") as opened:
            first = opened.readline()
            if not first.endswith(b"\n"):
                return False  # the process was killed before it ranked anything
            self._check(first)
            end = _end_of_last_line(opened)
            opened.truncate(end)
        return True

    def _check(self, first: bytes) -> None:
        try:
            found = json.loads(first)
            if not isinstance(found, dict):
                raise ValueError("no header")
        except ValueError as error:
            raise InputError(f"{self.file} is no checkpoint of an evaluation") from error
        wanted = json.loads(_line(self.header))
        if found != wanted:
            raise InputError(
                f"{self.file} is of another evaluation: {'; '.join(_differences(found, wanted))}. Choose "
                "another --output, or begin anew with --fresh"
            )


def _hold(opened: Any) -> None:
    """Lock the file, so that two processes do not both rank everything.

    The operating system releases the lock when the process ends. On Windows nothing is locked.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return
    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _line(header: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(header, ensure_ascii=False, sort_keys=True)}\n".encode()


def _end_of_last_line(opened: Any) -> int:
    """Return the position where the last complete line ends, searching backwards from the end of the file."""
    end: int = opened.seek(0, os.SEEK_END)
    position, block = end, 1 << 16
    while position > 0:
        start = max(0, position - block)
        opened.seek(start)
        found = opened.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + int(found) + 1
        position = start
    return 0


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any], under: str = "") -> Sequence[str]:
    told: list[str] = []
    for name in sorted({*found, *wanted}):
        there, here = found.get(name), wanted.get(name)
        if there == here:
            continue
        if isinstance(there, dict) and isinstance(here, dict):
            told += _differences(there, here, f"{under}{name} ")
        else:
            told.append(f"{under}{name} is {json.dumps(there)} there and {json.dumps(here)} here")
    return told
