"""Run of the gate: reference and candidate score the same questions, and the limits give the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np

from pertinence.errors import InputError
from pertinence.gate.limits import Limits, decide
from pertinence.gate.measuring import Scored, measure
from pertinence.gate.report import GateReport, SetFacts, Subject
from pertinence.gate.sets import Question, QuestionSet, evenly
from pertinence.ranking import check_scores
from pertinence.scorer import Float32, Scorer

__all__ = ["NEIGHBOUR_QUESTIONS", "judge", "pairs_to_score", "timed"]

# Number of questions whose passages the candidate scores three times. That is enough to find an effect of
# batch neighbors, which is a property of the arithmetic, without tripling the work on a large set.
NEIGHBOUR_QUESTIONS = 16
_SEED = 11


def judge(
    reference: Scorer,
    candidate: Scorer,
    sets: Sequence[QuestionSet],
    subject: Subject,
    *,
    limits: Limits | None = None,
    random_weights: bool = False,
    watch: Callable[[int], None] = lambda pairs: None,
) -> GateReport:
    """Compare a candidate with its float32 reference, and return the report. Both must return logits.

    The two take turns, question by question, so that a disturbance affects both. To measure the effect of
    batch neighbors, the candidate scores a text in three ways: alone, with the passages of its own
    question, and shuffled among the passages of another question.

    Args:
        reference: scorer that the candidate is compared with.
        candidate: scorer of the faster form.
        sets: questions with their passages.
        subject: subject of the verdict, for the report.
        limits: limits to apply; None for the defaults.
        random_weights: True if the weights were never trained; the verdict is then `not judged`.
        watch: function that is called after each step with the number of pairs that it scored.

    Raises:
        InputError: there are no sets, or a scorer does not return logits.
        ScoreError: a score is missing or not finite; the message names the scorer and the document.
    """
    if not sets:
        raise InputError("a gate needs questions")
    limits = limits or Limits()
    for scorer in (reference, candidate):
        scorer.warm_up().result()
    scored = list(_scored(reference, candidate, sets, watch))
    figures, questions = measure(scored)
    verdict, reasons = decide(figures, limits, random_weights=random_weights)
    if verdict == "not judged":
        figures = figures.without_order()
        questions = tuple(each.without_order() for each in questions)
    return GateReport(
        subject=subject,
        verdict=verdict,
        reasons=reasons,
        limits=limits,
        figures=figures,
        sets=tuple(SetFacts.of(each) for each in sets),
        questions=questions,
    )


def pairs_to_score(sets: Sequence[QuestionSet]) -> int:
    """Return the number of pairs that `judge` will score, for a progress display."""
    every = [question for each in sets for question in each.questions]
    chosen = _neighbour_places(every)
    return 2 * sum(each.passages for each in sets) + sum(
        len(every[place].passages) * 2 + len(_other(every, place).passages) for place in chosen
    )


def _scored(
    reference: Scorer, candidate: Scorer, sets: Sequence[QuestionSet], watch: Callable[[int], None]
) -> Iterator[Scored]:
    named = [(each.name, place, one) for each in sets for place, one in enumerate(each.questions)]
    every = [question for _, _, question in named]
    for_neighbours = _neighbour_places(every)
    for index, (name, place, question) in enumerate(named):
        # Alternate which one goes first: the second one finds the texts in the processor's caches.
        turns = (reference, candidate) if index % 2 else (candidate, reference)
        runs = {scorer: timed(scorer, question.query, question.passages) for scorer in turns}
        watch(2 * len(question.passages))
        moves: tuple[float, ...] = ()
        if index in for_neighbours:
            moves = _moves(candidate, question, _other(every, index), runs[candidate][0], watch)
        yield Scored(
            set_name=name,
            place=place,
            grades=question.grades,
            reference=runs[reference][0],
            candidate=runs[candidate][0],
            moves=moves,
            # The first run of a shape includes one-time costs, so it is timed only if it is the only run.
            seconds=(runs[reference][1], runs[candidate][1]) if index or len(named) == 1 else None,
        )


def _moves(
    scorer: Scorer,
    question: Question,
    other: Question,
    together: Float32,
    watch: Callable[[int], None],
) -> tuple[float, ...]:
    """Return, for each passage, the largest difference among its three scores."""
    own = len(question.passages)
    # Score them one after the other: requests that wait at the same time would share a batch.
    alone = np.concatenate([timed(scorer, question.query, [text])[0] for text in question.passages])
    watch(own)
    mixed = [*question.passages, *other.passages]
    order = Random(_SEED).sample(range(len(mixed)), len(mixed))
    shuffled = timed(scorer, question.query, [mixed[place] for place in order])[0]
    among = np.empty_like(shuffled)
    among[order] = shuffled
    watch(len(mixed))
    return tuple(np.ptp([together, alone, among[:own]], axis=0).tolist())


def timed(scorer: Scorer, query: str, texts: Sequence[str]) -> tuple[Float32, float]:
    """Score the texts, and return their logits and the seconds that it took.

    Raises:
        InputError: the scorer does not return logits.
        ScoreError: a score is missing or not finite.
    """
    start = time.perf_counter()
    scores = scorer.submit(query, texts).result()
    seconds = time.perf_counter() - start
    check_scores(scores, len(texts), scorer.name)
    if scores.kind != "logit":
        raise InputError(f"{scorer.name} gives scores of kind {scores.kind!r}; a gate compares logits")
    return scores.values, seconds


def _neighbour_places(every: Sequence[Question]) -> Sequence[int]:
    return evenly(len(every), NEIGHBOUR_QUESTIONS)


def _other(every: Sequence[Question], place: int) -> Question:
    """Return another question, whose passages are unrelated; the same question if it is the only one."""
    return every[(place + len(every) // 2) % len(every)]
