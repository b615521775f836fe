"""Figures from two lists of scores per question: order, judgments, values, neighbors and speed (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np

from pertinence.agreement import kendall_tau, max_drift, spread_within, top_overlap
from pertinence.gate.ndcg import ndcg, share_of_random_orders
from pertinence.scorer import Float32

__all__ = ["HEAD", "Figures", "QuestionFigures", "Scored", "measure"]

# Depth of overlap and nDCG.
HEAD = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Scores of one question.

    Attributes:
        set_name: name of the question's set.
        place: index of the question in that set, from 0.
        grades: grades of the passages; None if they were not judged.
        reference: logits of the reference, float32 of shape (passages,).
        candidate: logits of the candidate, float32 of shape (passages,).
        moves: for each passage, the change of the candidate's logit with its batch neighbors; empty if
            that was not measured.
        seconds: time that the reference and the candidate took; None if the time does not count.
    """

    set_name: str
    place: int
    grades: tuple[float, ...] | None
    reference: Float32
    candidate: Float32
    moves: tuple[float, ...] = ()
    seconds: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class QuestionFigures:
    """Figures of one question. Set and index identify it, so that a report does not quote the user's texts.

    Attributes:
        set_name: name of the question's set.
        place: index of the question in that set, from 0.
        passages: number of passages of the question.
        tau: Kendall's tau-b; None if the reference gives all passages one score, and 0 if only the
            candidate does.
        overlap: share of the reference's ten best passages that are among the candidate's ten best.
        ndcg_reference: nDCG@10 of the reference; None without judgments or if all grades are equal.
        ndcg: nDCG@10 of the candidate; None in the same cases.
        drift: largest difference between the two logits of a passage.
    """

    set_name: str
    place: int
    passages: int
    tau: float | None
    overlap: float | None
    ndcg_reference: float | None
    ndcg: float | None
    drift: float

    def without_order(self) -> QuestionFigures:
        """Return a copy without the figures that need a meaningful order of the reference."""
        return replace(self, tau=None, overlap=None, ndcg=None)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures over all questions.

    Attributes:
        questions: number of questions.
        passages: number of pairs of question and passage.
        judged: number of questions whose grades are not all equal.
        tau: mean of the questions' taus; None if no question has one.
        lowest_tau: lowest of the questions' taus; None if no question has one.
        overlap: mean share of the reference's ten best passages that are among the candidate's ten best.
        ndcg_reference: mean nDCG@10 of the reference over the judged questions; None if there are none.
        ndcg: mean nDCG@10 of the candidate over the judged questions; None if there are none.
        ndcg_loss: `ndcg_reference` minus `ndcg`.
        chance: share of random orders whose mean nDCG@10 reaches that of the reference.
        spread: standard deviation of the reference's logits around the mean of their question.
        drift: largest difference between the two logits of a passage.
        drift_over_spread: drift in units of the spread; None if the spread is 0.
        neighbour_effect: largest change of a candidate's logit with its batch neighbors, in units of the
            spread; None if it was not measured or the spread is 0.
        neighbour_passages: number of passages for which that change was measured.
        speed_ratio: median over questions of the reference's time divided by the candidate's; None if
            nothing was timed.
    """

    questions: int
    passages: int
    judged: int
    tau: float | None
    lowest_tau: float | None
    overlap: float | None
    ndcg_reference: float | None
    ndcg: float | None
    ndcg_loss: float | None
    chance: float | None
    spread: float
    drift: float
    drift_over_spread: float | None
    neighbour_effect: float | None
    neighbour_passages: int
    speed_ratio: float | None

    def without_order(self) -> Figures:
        """Return a copy without the figures that need a meaningful order of the reference."""
        return replace(self, tau=None, lowest_tau=None, overlap=None, ndcg=None, ndcg_loss=None)


def measure(scored: Sequence[Scored]) -> tuple[Figures, tuple[QuestionFigures, ...]]:
    """Return the figures over all questions and those of each question. `scored` must not be empty."""
    each = tuple(map(_question, scored))
    spread = spread_within(one.reference for one in scored)
    drift = max(one.drift for one in each)
    moves = [move for one in scored for move in one.moves]
    taus = [one.tau for one in each if one.tau is not None]
    before = [one.ndcg_reference for one in each if one.ndcg_reference is not None]
    after = [one.ndcg for one in each if one.ndcg is not None]
    ratios = [one.seconds[0] / one.seconds[1] for one in scored if one.seconds and one.seconds[1] > 0]
    judged = [one.grades for one in scored if one.grades is not None and _prefers(one.grades)]
    figures = Figures(
        questions=len(each),
        passages=sum(one.passages for one in each),
        judged=len(judged),
        tau=fmean(taus) if taus else None,
        lowest_tau=min(taus, default=None),
        overlap=fmean(one.overlap for one in each if one.overlap is not None),
        ndcg_reference=fmean(before) if before else None,
        ndcg=fmean(after) if after else None,
        ndcg_loss=fmean(before) - fmean(after) if before else None,
        chance=share_of_random_orders(judged, fmean(before), HEAD) if before else None,
        spread=spread,
        drift=drift,
        drift_over_spread=drift / spread if spread else None,
        neighbour_effect=max(moves) / spread if moves and spread else None,
        neighbour_passages=len(moves),
        speed_ratio=median(ratios) if ratios else None,
    )
    return figures, each


def _question(one: Scored) -> QuestionFigures:
    judged = one.grades is not None and _prefers(one.grades)
    return QuestionFigures(
        set_name=one.set_name,
        place=one.place,
        passages=len(one.reference),
        tau=_tau(one.reference, one.candidate),
        overlap=top_overlap(one.reference, one.candidate, HEAD),
        ndcg_reference=_ndcg(one.reference, one.grades) if judged else None,
        ndcg=_ndcg(one.candidate, one.grades) if judged else None,
        drift=max_drift(one.reference, one.candidate),
    )


def _tau(reference: Float32, candidate: Float32) -> float | None:
    if not np.ptp(reference):
        return None
    tau = kendall_tau(reference, candidate)
    # tau-b is not defined if the candidate gives every passage the same score. It has lost the order then.
    return 0.0 if math.isnan(tau) else tau


def _ndcg(scores: Float32, grades: tuple[float, ...] | None) -> float:
    """Return nDCG of the order that a ranking shows: highest first, equal scores in input order."""
    return ndcg(np.asarray(grades, dtype=np.float64)[np.argsort(-scores, kind="stable")], HEAD)


def _prefers(grades: tuple[float, ...]) -> bool:
    return len(set(grades)) > 1
