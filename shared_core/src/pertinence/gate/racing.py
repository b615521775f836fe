"""Several scorers over the same questions, turn about, to see which is the fastest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median

from pertinence.errors import InputError
from pertinence.gate.running import timed
from pertinence.gate.sets import QuestionSet, evenly
from pertinence.scorer import Scorer

__all__ = ["race"]

# Enough to tell engines apart that differ by a few percent, and done within seconds for a small model.
_QUESTIONS = 6
_ROUNDS = 3


def race(scorers: Mapping[str, Scorer], sets: Sequence[QuestionSet]) -> dict[str, float]:
    """Time each scorer on the same questions and give the seconds that one takes, by the scorer's name.

    That is the mean over the questions of each one's median.

    They take turns, question by question, so what disturbs one disturbs the others. The first round is not
    counted: it pays for what later ones find prepared.

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
