"""Line-by-line readers of files with queries, passages and judgments: JSON Lines and TREC columns.

Each row comes with its location (file and line), so that a caller who rejects it can report the location. Any
file may be gzipped.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pertinence.errors import InputError

__all__ = [
    "Grade",
    "RunRow",
    "as_object",
    "best_first",
    "decoded",
    "find_either",
    "find_split",
    "read_cells",
    "read_grades",
    "read_lines",
    "read_objects",
    "read_run",
    "read_texts",
]

_BOM = "\ufeff"
_SPLITS = ("test", "dev")


class Grade(NamedTuple):
    """Judgment of how relevant a passage is to a query."""

    place: str
    query: str
    passage: str
    value: float


class RunRow(NamedTuple):
    """Candidate of a query, as a retrieval system ranked it."""

    place: str
    query: str
    passage: str
    rank: int
    score: float


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Read each line that is not blank, with its location for messages.

    Raises:
        InputError: the file cannot be read, or a line is not UTF-8.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for place, line in decoded(lines, str(path)):
                if line := line.strip():
                    yield place, line
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{path} cannot be read: {reason}") from error


def decoded(lines: Iterable[bytes], name: str) -> Iterator[tuple[str, str]]:
    """Decode each line as UTF-8, regardless of the locale.

    Yield the location of each line, and the line without its ending.

    Raises:
        InputError: a line is not UTF-8.
    """
    for number, raw in enumerate(lines, start=1):
        place = f"{name}, line {number}"
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{place}: not UTF-8 (byte {error.start + 1})") from error
        yield place, line.removeprefix(_BOM if number == 1 else "").removesuffix("\n").removesuffix("\r")


def as_object(line: str, place: str) -> dict[str, Any]:
    """Parse a line as a JSON object.

    Raises:
        InputError: the line is not a JSON object.
    """
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place}: not valid JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(f"{place}: must be a JSON object, not {type(row).__name__}")
    return row


def read_objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Read each JSON object of a JSON Lines file, with its location for messages.

    Raises:
        InputError: the file cannot be read, or a line is not a JSON object.
    """
    for place, line in read_lines(path):
        yield place, as_object(line, place)


def read_cells(file: Path, count: int, what: str) -> Iterator[tuple[str, list[str]]]:
    """Read the columns of each line, and check that there are `count`; `what` names them in the error."""
    for place, line in read_lines(file):
        cells = line.split()
        if len(cells) != count:
            raise InputError(f"{place}: {len(cells)} columns where {what} were due")
        yield place, cells


def read_texts(file: Path) -> Iterator[tuple[str, str, str]]:
    """Read location, id and text of each object in a file of passages or queries.

    If an object has a title, the title comes on a line before the text.

    Raises:
        InputError: a line is not such an object.
    """
    for place, row in read_objects(file):
        key, text, title = row.get("_id"), row.get("text"), row.get("title") or ""
        if not (isinstance(key, str) and isinstance(text, str) and isinstance(title, str)):
            raise InputError(f"{place}: '_id' and 'text' must be strings, and 'title' where there is one")
        yield place, key, f"{title}\n{text}" if title else text


def read_grades(file: Path) -> Iterator[Grade]:
    """Read the judgments of a file.

    The columns of a `.tsv` file are query, passage and grade, with or without a header. Any other file has
    the TREC format.

    Raises:
        InputError: a line has the wrong columns, or a grade that is not a number.
    """
    table = ".tsv" in file.suffixes
    columns = (3, "query, passage and grade") if table else (4, "query, 0, passage and grade")
    for number, (place, cells) in enumerate(read_cells(file, *columns)):
        query, passage, grade = cells[0], cells[-2], cells[-1]
        try:
            value = float(grade)
        except ValueError as error:
            if table and number == 0:  # the header
                continue
            raise InputError(f"{place}: the grade must be a number, not {grade!r}") from error
        if not math.isfinite(value):
            raise InputError(f"{place}: the grade must be a number, not {grade!r}")
        yield Grade(place, query, passage, value)


def read_run(file: Path) -> Iterator[RunRow]:
    """Read the candidates of a run in the TREC format, in the order of the file.

    Raises:
        InputError: a line has the wrong columns, a rank that is not a whole number or a score that is not a
            number.
    """
    for place, cells in read_cells(file, 6, "query, Q0, passage, rank, score and name"):
        query, _, passage, rank, score, _ = cells
        if not rank.isdecimal():
            raise InputError(f"{place}: the rank must be a whole number, not {rank!r}")
        try:
            value = float(score)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise InputError(f"{place}: the score must be a number, not {score!r}")
        yield RunRow(place, query, passage, int(rank), value)


def best_first(rows: Iterable[RunRow]) -> list[RunRow]:
    """Sort the candidates of one query by score, as trec_eval reads a run; ranks only break ties."""
    return sorted(rows, key=lambda row: (-row.score, row.rank))


def find_either(folder: Path, name: str) -> Path:
    """Find the file with this name, or its gzipped form.

    Raises:
        InputError: neither exists.
    """
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    raise InputError(f"{folder} holds no {name} and no {name}.gz")


def find_split(folder: Path, wanted: str | None = None) -> Path:
    """Find the file with the judgments of a split.

    Without a name, the split is `test`, else `dev`, else the only one.

    Raises:
        InputError: there is no such split; the message names the existing ones.
    """
    found = sorted(file for ending in ("trec", "tsv") for file in folder.glob(f"*.{ending}*"))
    by_name = {file.name.split(".")[0]: file for file in found}
    for name in _SPLITS if wanted is None else (wanted,):
        if name in by_name:
            return by_name[name]
    if wanted is None and len(by_name) == 1:
        return found[0]
    there = _listed(sorted(by_name), wanted)
    raise InputError(f"{folder}: {there}")


def _listed(names: Sequence[str], wanted: str | None) -> str:
    if not names:
        return "no .trec or .tsv file"
    if wanted is None:
        return f"{', '.join(names)}: name the file to take"
    return f"no split {wanted!r}, but {', '.join(names)}"
