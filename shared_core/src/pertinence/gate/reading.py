"""The user's own questions: a JSON Lines file, or a folder in the form of BEIR (see `beir`)."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pertinence.errors import InputError
from pertinence.gate.sets import Question, QuestionSet, evenly

__all__ = ["MOST_QUESTIONS", "read_lines", "read_objects", "read_sets"]

# Enough for the limits to be told from chance, and few enough to wait for.
MOST_QUESTIONS = 200
_BOM = "\ufeff"


def read_sets(path: Path, most: int = MOST_QUESTIONS) -> QuestionSet:
    """The questions of a file or a folder, at most so many of them, taken evenly.

    A `.jsonl` file (or `.jsonl.gz`) holds one object per line: `query`, `passages` (a list of texts) and,
    where they were judged, either `relevant` (places in that list, from 0) or `grades` (one number for
    each passage). A folder, or one file of judgements in its `qrels`, is read as BEIR's.

    Raises:
        InputError: it cannot be read or used; the message names the file and the line.
    """
    if path.is_dir() or path.parent.name == "qrels":
        from pertinence.gate.beir import read_beir

        return read_beir(path, most)
    rows = list(read_objects(path))
    if not rows:
        raise InputError(f"{path}: no questions")
    questions = []
    for index in evenly(len(rows), most):
        place, row = rows[index]
        try:
            questions.append(_question(row))
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
    return QuestionSet(name=path.name, questions=tuple(questions), total=len(rows))


def read_objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each JSON object of a JSON Lines file, with its place for messages.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    for place, line in read_lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{place}: not valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{place}: must be a JSON object, not {type(row).__name__}")
        yield place, row


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line that is not blank, with its place for messages; `.gz` is unpacked.

    Raises:
        InputError: the file cannot be read, or a line is not UTF-8.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                place = f"{path}, line {number}"
                try:
                    line = raw.decode("utf-8").removeprefix(_BOM if number == 1 else "").strip()
                except UnicodeDecodeError as error:
                    raise InputError(f"{place}: not UTF-8 (byte {error.start + 1})") from error
                if line:
                    yield place, line
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{path} cannot be read: {reason}") from error


def _question(row: Mapping[str, Any]) -> Question:
    for name in ("query", "passages"):
        if name not in row:
            raise InputError(f"no field {name!r}; it has {', '.join(map(repr, row)) or 'none'}")
    passages = row["passages"]
    if not isinstance(passages, list):
        raise InputError(f"'passages' must be a list of texts, not {type(passages).__name__}")
    if "relevant" in row and "grades" in row:
        raise InputError("'relevant' and 'grades' say the same thing twice")
    grades = None
    if "relevant" in row:
        grades = _grades_of(row["relevant"], len(passages))
    elif "grades" in row:
        grades = _numbers(row["grades"])
    return Question(query=row["query"], passages=tuple(passages), grades=grades)


def _grades_of(relevant: object, count: int) -> tuple[float, ...]:
    if not isinstance(relevant, list):
        raise InputError(f"'relevant' must be a list of places, not {type(relevant).__name__}")
    for place in relevant:
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < count:
            raise InputError(f"'relevant' must hold places from 0 to {count - 1}, not {place!r}")
    return tuple(float(place in relevant) for place in range(count))


def _numbers(grades: object) -> tuple[float, ...]:
    if not isinstance(grades, list):
        raise InputError(f"'grades' must be a list of numbers, not {type(grades).__name__}")
    for grade in grades:
        if isinstance(grade, bool) or not isinstance(grade, int | float) or not 0 <= grade < math.inf:
            raise InputError(f"'grades' must hold numbers that are not negative, not {grade!r}")
    return tuple(map(float, grades))
