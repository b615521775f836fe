"""What was ranked so far, on disk: lines that are only ever added, under a header that says what they are of.

A process that is killed loses the query it was at, and no other; a line that it left half-written is cut off
when the work goes on. Who goes on with other data, another model or other options is refused.
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
    """What a system made of one query.

    Attributes:
        query: its id.
        passages: ids, best first.
        scores: theirs, falling.
        seconds: from the answer before to this one, of a queue that is kept full.
        truncated: how many passages were cut to fit the model; None where nobody tells.
    """

    query: str
    passages: tuple[str, ...]
    scores: tuple[float, ...]
    seconds: float = 0.0
    truncated: int | None = 0

    def to_line(self) -> str:
        """As one line of JSON."""
        # Nine digits tell any two float32 apart.
        scores = [float(f"{score:.9g}") for score in self.scores]
        row = [self.query, self.passages, scores, round(self.seconds, 6), self.truncated]
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of(cls, line: str) -> Self:
        """What `to_line` wrote.

        Raises:
            ValueError: it is something else.
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
    """A file of `Ranked`, open for more of them."""

    def __init__(self, file: Path, header: Mapping[str, Any]) -> None:
        self.file = file
        self.header = {"format": _FORMAT, **header}
        self._opened: Any = None

    def open(self, *, fresh: bool = False) -> Self:
        """Make the file, or go on with it.

        Args:
            fresh: begin anew, whatever it holds.

        Raises:
            InputError: it is of something else, by name; damaged; or it cannot be written.
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
        """Write it down: it outlives the process from here on."""
        self._write(f"{ranked.to_line()}\n".encode())

    def __iter__(self) -> Iterator[Ranked]:
        """What it holds, in the order it came."""
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
        """Give the file back."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        # At once: a kill can cut a line, and lose no other.
        self._opened.write(line)
        self._opened.flush()

    def _usable(self) -> bool:
        """Whether there is something to go on with; a half-written last line is cut off."""
        with self.file.open("rb+") as opened:
            first = opened.readline()
            if not first.endswith(b"\n"):
                return False  # it was killed before anything was ranked
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
    """Two processes at one file would rank everything twice; the system lets go of it with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _line(header: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(header, ensure_ascii=False, sort_keys=True)}\n".encode()


def _end_of_last_line(opened: Any) -> int:
    """Where the last whole line ends, looked for from the end of the file."""
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
