"""Writer of runs in TREC format, which other tools can read."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import numpy as np

from pertinence.evaluation.checkpoint import Ranked

__all__ = ["RunWriter"]


class RunWriter:
    """Writer of rankings, line by line: query, Q0, passage, rank, score, name of the system."""

    def __init__(self, file: Path, system: str) -> None:
        self._file = file
        self._system = "-".join(system.split()) or "-"
        self._lines: TextIO | None = None

    def __enter__(self) -> Self:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._lines = self._file.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._lines.close()

    def write(self, ranked: Ranked) -> None:
        """Write the ranking of one query.

        Tools that read a run sort it by score in float32, and each breaks ties in its own way. A score that
        is not below the previous one is therefore written as the next smaller float32.
        """
        assert self._lines is not None
        last = np.float32(np.inf)
        for rank, (passage, score) in enumerate(zip(ranked.passages, ranked.scores, strict=True), start=1):
            last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
            self._lines.write(f"{ranked.query} Q0 {passage} {rank} {last!s} {self._system}\n")
