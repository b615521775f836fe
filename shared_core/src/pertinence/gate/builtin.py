"""Questions in French and English that were written for Pertinence and come with it.

`gate.json` and `calibration.json` share no topic. A candidate is one paragraph or several consecutive ones,
13 to 450 words. The relevant candidates were drawn regardless of their position and length.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from pertinence.gate.sets import Question, QuestionSet

__all__ = ["built_in", "calibration_pairs"]


@cache
def built_in() -> QuestionSet:
    """Load 32 questions, half French and half English. Each has twelve candidates, two of them relevant."""
    return _set("built-in", "gate.json")


@cache
def calibration_pairs() -> tuple[tuple[str, str], ...]:
    """Load 144 pairs of question and passage to calibrate activation ranges. No gate uses any of them."""
    questions = _set("calibration", "calibration.json").questions
    return tuple((question.query, passage) for question in questions for passage in question.passages)


def _set(name: str, file: str) -> QuestionSet:
    data: dict[str, Any] = json.loads((files("pertinence.gate") / "data" / file).read_text(encoding="utf-8"))
    paragraphs = data["paragraphs"]
    questions = tuple(
        Question(
            query=each["query"],
            passages=tuple(" ".join(paragraphs[part] for part in parts) for parts in each["passages"]),
            grades=tuple(float(place in each["relevant"]) for place in range(len(each["passages"]))),
        )
        for each in data["questions"]
    )
    return QuestionSet(name=name, questions=questions, total=len(questions))
