"""Questions with their candidate passages and optional judgments (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pertinence.errors import InputError
from pertinence.texts import check_query, check_texts

__all__ = ["Question", "QuestionSet", "evenly"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Question with its candidate passages.

    Attributes:
        query: text of the question.
        passages: candidate passages, in input order.
        grades: relevance of each passage, 0 for not relevant; None if the passages were not judged.

    Raises:
        InputError: the query is empty, there are no passages, or grades do not match them.
    """

    query: str
    passages: tuple[str, ...]
    grades: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_query(self.query)
        if not check_texts(self.passages):
            raise InputError("a question has no passages")
        if self.grades is not None and len(self.grades) != len(self.passages):
            raise InputError(f"{len(self.grades)} grades for {len(self.passages)} passages")

    @property
    def judged(self) -> bool:
        """True if the passages were judged and their grades are not all equal."""
        return self.grades is not None and len(set(self.grades)) > 1


@dataclass(frozen=True, kw_only=True)
class QuestionSet:
    """Questions from one source.

    Attributes:
        name: name of the set. It appears in reports, so it contains no path to a user's folder.
        questions: questions of the set, at least one.
        total: number of questions in the source, from which `questions` are taken at even spacing.
    """

    name: str
    questions: tuple[Question, ...]
    total: int

    def __post_init__(self) -> None:
        if not self.questions:
            raise InputError(f"{self.name}: no questions")

    @property
    def passages(self) -> int:
        """Number of pairs of question and passage."""
        return sum(len(question.passages) for question in self.questions)

    @property
    def digest(self) -> str:
        """Hash of the questions, passages and grades, as 16 hexadecimal digits."""
        rows = [[each.query, each.passages, each.grades] for each in self.questions]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def evenly(count: int, limit: int) -> Sequence[int]:
    """Return at most `limit` indices below `count`, evenly spaced."""
    return [place * count // limit for place in range(limit)] if count > limit else range(count)
