"""Files of questions, passages and judgements, read line by line: JSON Lines, and the columns of TREC.

Each row comes with its place (file and line), so that whoever refuses it can say where it stands. Any file
may be gzipped.
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
    """One judgement: how relevant a passage is to a query."""

    place: str
    query: str
    passage: str
    value: float


class RunRow(NamedTuple):
    """One candidate of a query, as some system ranked it."""

    place: str
    query: str
    passage: str
    rank: int
    score: float


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line that is not blank, with its place for messages.

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
    """Each line with its place, less its end; read as UTF-8 whatever the locale says.

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
    """The JSON object of a line.

    Raises:
        InputError: it is none.
    """
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place}: not valid JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(f"{place}: must be a JSON object, not {type(row).__name__}")
    return row


def read_objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each JSON object of a JSON Lines file, with its place for messages.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    for place, line in read_lines(path):
        yield place, as_object(line, place)


def read_cells(file: Path, count: int, what: str) -> Iterator[tuple[str, list[str]]]:
    """The columns of each line, which must be `count`; `what` names them for the message."""
    for place, line in read_lines(file):
        cells = line.split()
        if len(cells) != count:
            raise InputError(f"{place}: {len(cells)} columns where {what} were due")
        yield place, cells


def read_texts(file: Path) -> Iterator[tuple[str, str, str]]:
    """Place, id and text of each object of a corpus or of queries; a title comes on a line before its text.

    Raises:
        InputError: a line is no such object.
    """
    for place, row in read_objects(file):
        key, text, title = row.get("_id"), row.get("text"), row.get("title") or ""
        if not (isinstance(key, str) and isinstance(text, str) and isinstance(title, str)):
            raise InputError(f"{place}: '_id' and 'text' must be strings, and 'title' where there is one")
        yield place, key, f"{title}\n{text}" if title else text


def read_grades(file: Path) -> Iterator[Grade]:
    """The judgements of a `.tsv` file (query, passage, grade; with or without a header) or of TREC's form.

    Raises:
        InputError: a line has other columns, or a grade that is no number.
    """
    table = ".tsv" in file.suffixes
    columns = (3, "query, passage and grade") if table else (4, "query, 0, passage and grade")
    for number, (place, cells) in enumerate(read_cells(file, *columns)):
        query, passage, grade = cells[0], cells[-2], cells[-1]
        try:
            value = float(grade)
        except ValueError as error:
            if table and number == 0:  # its header
                continue
            raise InputError(f"{place}: the grade must be a number, not {grade!r}") from error
        if not math.isfinite(value):
            raise InputError(f"{place}: the grade must be a number, not {grade!r}")
        yield Grade(place, query, passage, value)


def read_run(file: Path) -> Iterator[RunRow]:
    """The candidates of a run in TREC's form, in the order of the file.

    Raises:
        InputError: a line has other columns, a rank that is no whole number or a score that is no number.
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
    """The candidates of one query by score, as trec_eval reads a run; ranks settle ties alone."""
    return sorted(rows, key=lambda row: (-row.score, row.rank))


def find_either(folder: Path, name: str) -> Path:
    """The file of this name, or its gzipped form.

    Raises:
        InputError: there is neither.
    """
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    raise InputError(f"{folder} holds no {name} and no {name}.gz")


def find_split(folder: Path, wanted: str | None = None) -> Path:
    """The file of judgements of a split; `test`, `dev` or the only one where none is named.

    Raises:
        InputError: there is no such split; the message names those there are.
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
