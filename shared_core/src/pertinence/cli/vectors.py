"""Writers of vectors: JSON lines, or a numpy array that grows while it is written."""

from __future__ import annotations

import os
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from pertinence.cli.passages import Passage
from pertinence.cli.show import json_line, reconfigure
from pertinence.errors import InputError, OptionError
from pertinence.vectors import Vectors

__all__ = ["Writer", "open_writer"]

_OURS = ("index", "vector")


class Writer(ABC):
    """Base class of writers that receive vectors chunk by chunk and count them."""

    def __init__(self) -> None:
        self.count = 0
        self.renamed = 0

    @abstractmethod
    def write(self, chunk: Sequence[Passage], vectors: Vectors) -> None:
        """Write one vector per passage; `vectors` has the shape (passages, dims)."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is only known at the end."""


class LinesWriter(Writer):
    """Writer of one JSON object per vector: `index`, the fields of the text's object or `text`, `vector`."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__()
        self._file = file

    def write(self, chunk: Sequence[Passage], vectors: Vectors) -> None:
        """Write one line per passage."""
        whole = vectors.dtype != np.float32
        for passage, vector in zip(chunk, vectors, strict=True):
            record = passage.record or {"text": passage.text}
            self.renamed += any(name in record for name in _OURS)
            kept = {name: value for name, value in record.items() if name not in _OURS}
            # Nine significant digits are enough to read back the same float32.
            numbers = vector.tolist() if whole else [float(f"{number:.9g}") for number in vector.tolist()]
            self._file.write(json_line({"index": self.count, **kept, "vector": numbers}) + "\n")
            self.count += 1

    def finish(self) -> None:
        """Do nothing: every line is already complete."""


class ArrayWriter(Writer):
    """Writer of a `.npy` file of shape (texts, dims); `finish` updates the header with the final count."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._vectors: Vectors | None = None

    def write(self, chunk: Sequence[Passage], vectors: Vectors) -> None:
        """Append the vectors as rows."""
        if self._vectors is None:
            self._vectors = vectors[:0]
            self._header()
        self._file.write(vectors.tobytes())
        self.count += len(vectors)

    def finish(self) -> None:
        """Write the final number of rows into the header."""
        end = self._file.tell()
        self._file.seek(0)
        self._header()
        assert self._file.tell() <= end

    def _header(self) -> None:
        assert self._vectors is not None
        # numpy pads the header, so that the first axis can grow to any length.
        told: dict[str, Any] = {
            "descr": npy.dtype_to_descr(self._vectors.dtype),
            "fortran_order": False,
            "shape": (self.count, self._vectors.shape[1]),
        }
        npy.write_array_header_1_0(self._file, told)


@contextmanager
def open_writer(output: str | None) -> Iterator[Writer]:
    """Open a writer to this file, or to standard output if `output` is None.

    The file appears only when everything is written: a failure halfway leaves nothing behind.

    Raises:
        OptionError: the name does not end in .npy, .jsonl or .ndjson.
        InputError: the file cannot be written.
    """
    if output is None:
        # Write UTF-8 whatever the locale, as JSON requires.
        reconfigure(encoding="utf-8")
        yield LinesWriter(sys.stdout)
        return
    place = Path(output)
    suffix = place.suffix.lower()
    if suffix not in (".npy", ".jsonl", ".ndjson"):
        raise OptionError(f"--output {output}: the name must end in .npy or .jsonl")
    beside = place.with_name(f".{place.name}-{secrets.token_hex(8)}")
    try:
        with _writing(beside, suffix) as writer:
            yield writer
            writer.finish()
        os.replace(beside, place)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _writing(file: Path, suffix: str) -> Iterator[Writer]:
    if suffix == ".npy":
        with file.open("wb") as array:
            yield ArrayWriter(array)
    else:
        with file.open("w", encoding="utf-8", newline="\n") as lines:
            yield LinesWriter(lines)
