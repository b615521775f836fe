"""Reader of the user's own questions: a JSON Lines file, or a BEIR folder (see `beir`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pertinence.datafiles import read_objects
from pertinence.errors import InputError
from pertinence.gate.sets import Question, QuestionSet, evenly

__all__ = ["MOST_QUESTIONS", "read_sets"]

# Enough to distinguish the limits from chance, and few enough to wait for.
MOST_QUESTIONS = 200


def read_sets(path: Path, most: int = MOST_QUESTIONS) -> QuestionSet:
    """Read the questions of a file or a folder: at most `most` of them, evenly spaced.

    A `.jsonl` file (or `.jsonl.gz`) holds one object per line: `query`, `passages` (a list of texts) and,
    if the passages were judged, either `relevant` (indices in that list, from 0) or `grades` (one number
    for each passage). A folder, or one file of judgments in its `qrels`, is read as BEIR.

    Raises:
        InputError: the file cannot be read or is not valid; the message names the file and the line.
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
