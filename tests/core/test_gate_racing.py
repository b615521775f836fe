"""The race of several scorers: who is the fastest, on the same questions."""

from __future__ import annotations

import time

import pytest

from pertinence.errors import InputError
from pertinence.gate import Question, QuestionSet, race
from pertinence.testing import FakeScorer


def questions(count: int) -> QuestionSet:
    made = tuple(
        Question(query=f"question {number}", passages=("one", "two"), grades=(1, 0))
        for number in range(count)
    )
    return QuestionSet(name="some", questions=made, total=count)


def slowed(seconds: float) -> FakeScorer:
    """A scorer that waits so long for each text."""

    def score(query: str, text: str) -> float:
        time.sleep(seconds)
        return 1.0

    return FakeScorer(score=score, kind="logit")


def test_the_faster_scorer_has_fewer_seconds() -> None:
    slow, fast = slowed(0.05), slowed(0)
    found = race({"slow": slow, "fast": fast}, [questions(2)])
    assert set(found) == {"slow", "fast"}
    assert found["fast"] < found["slow"]
    assert found["slow"] >= 0.1, "two texts a question"


def test_every_scorer_answers_the_same_questions_turn_about() -> None:
    asked: list[tuple[str, str]] = []

    def noting(name: str) -> FakeScorer:
        def score(query: str, text: str) -> float:
            asked.append((name, query))
            return 1.0

        return FakeScorer(score=score, kind="logit")

    race({"a": noting("a"), "b": noting("b")}, [questions(3)])
    turns = list(dict.fromkeys(asked))
    assert turns == [(name, f"question {number}") for number in range(3) for name in "ab"]


def test_without_questions_there_is_no_race() -> None:
    with pytest.raises(InputError, match="a race needs questions"):
        race({"a": slowed(0)}, [])
