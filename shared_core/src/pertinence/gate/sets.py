"""Questions with their candidate passages and, where there are any, judgements (pure)."""

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
    """One question.

    Attributes:
        query: what is asked.
        passages: the candidates, in the order they came in.
        grades: how relevant each is, 0 for not at all; None where nobody judged them.

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
        """Whether the judgements prefer some order of the passages to another."""
        return self.grades is not None and len(set(self.grades)) > 1


@dataclass(frozen=True, kw_only=True)
class QuestionSet:
    """Questions from one source.

    Attributes:
        name: of the set; it stands in reports, so it holds no folder of anybody's.
        questions: at least one.
        total: how many the source holds; those above are taken evenly from them.
    """

    name: str
    questions: tuple[Question, ...]
    total: int

    def __post_init__(self) -> None:
        if not self.questions:
            raise InputError(f"{self.name}: no questions")

    @property
    def passages(self) -> int:
        """How many pairs of question and passage there are."""
        return sum(len(question.passages) for question in self.questions)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that tell these very questions, passages and grades."""
        rows = [[each.query, each.passages, each.grades] for each in self.questions]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def evenly(count: int, limit: int) -> Sequence[int]:
    """At most `limit` of `count` places, evenly spread."""
    return [place * count // limit for place in range(limit)] if count > limit else range(count)
