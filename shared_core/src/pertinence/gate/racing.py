"""Speed comparison of several scorers, which take turns on the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median

from pertinence.errors import InputError
from pertinence.gate.running import timed
from pertinence.gate.sets import QuestionSet, evenly
from pertinence.scorer import Scorer

__all__ = ["race"]

# These are enough to distinguish engines that differ by a few percent. A small model takes only seconds.
_QUESTIONS = 6
_ROUNDS = 3


def race(scorers: Mapping[str, Scorer], sets: Sequence[QuestionSet]) -> dict[str, float]:
    """Time each scorer on the same questions, and return its seconds per question, by the scorer's name.

    The seconds are the mean, over the questions, of each question's median over the rounds.

    The scorers take turns, question by question, so that a disturbance affects all of them. The first round
    does not count, because it includes one-time costs.

    Raises:
        InputError: there are no questions.
        ScoreError: a score is missing or not finite.
    """
    every = [question for each in sets for question in each.questions]
    if not every:
        raise InputError("a race needs questions")
    chosen = [every[index] for index in evenly(len(every), _QUESTIONS)]
    seconds: dict[str, list[list[float]]] = {name: [[] for _ in chosen] for name in scorers}
    for number in range(_ROUNDS + 1):
        for index, question in enumerate(chosen):
            for name, scorer in scorers.items():
                taken = timed(scorer, question.query, question.passages)[1]
                if number:
                    seconds[name][index].append(taken)
    return {name: fmean(map(median, times)) for name, times in seconds.items()}
