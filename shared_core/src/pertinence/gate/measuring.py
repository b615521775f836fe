"""From two score lists per question to figures: order, judgements, values, neighbours and speed (pure)."""

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

# The depth of overlap and nDCG.
HEAD = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """What came out for one question.

    Attributes:
        set_name: the set it is from.
        place: its place in that set, from 0.
        grades: of its passages, where they were judged.
        reference: logits of the reference, float32 of shape (passages,).
        candidate: those of the candidate.
        moves: by how much the candidate's logit of each passage moved with its batch neighbours; empty
            where that was not looked at.
        seconds: what reference and candidate took; None where that was not to be counted.
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
    """The figures of one question; it is told by set and place, so that a report quotes nobody's texts.

    Attributes:
        set_name: the set it is from.
        place: its place in that set, from 0.
        passages: how many candidates it has.
        tau: Kendall's tau-b; None where the reference has no order, and 0 where only the candidate has none.
        overlap: the share of the reference's ten best among the candidate's ten best.
        ndcg_reference: nDCG@10 of the reference; None where judgements prefer no order.
        ndcg: that of the candidate.
        drift: the largest difference of two logits.
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
        """The same without what an order that means nothing says."""
        return replace(self, tau=None, overlap=None, ndcg=None)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures over all questions.

    Attributes:
        questions: how many there are.
        passages: how many pairs of question and passage.
        judged: how many questions have judgements that prefer some order.
        tau: mean of the questions' taus; None where no question has one.
        lowest_tau: the lowest of them.
        overlap: mean share of the reference's ten best among the candidate's.
        ndcg_reference: mean nDCG@10 of the reference over the judged questions.
        ndcg: that of the candidate.
        ndcg_loss: the first less the second.
        chance: the share of random orders whose mean nDCG@10 reaches the reference's.
        spread: standard deviation of the reference's logits around their question's mean.
        drift: the largest difference of two logits.
        drift_over_spread: that in units of the spread; None without a spread.
        neighbour_effect: the most that a logit of the candidate moved with its batch neighbours, in units
            of the spread; None where that was not looked at, or without a spread.
        neighbour_passages: how many passages were looked at for it.
        speed_ratio: median over questions of the reference's time over the candidate's; None where
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
        """The same without what an order that means nothing says."""
        return replace(self, tau=None, lowest_tau=None, overlap=None, ndcg=None, ndcg_loss=None)


def measure(scored: Sequence[Scored]) -> tuple[Figures, tuple[QuestionFigures, ...]]:
    """The figures over all questions, and those of each; there is at least one question."""
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
    # A candidate that gives every passage one score has lost the order, whatever tau's denominator says.
    return 0.0 if math.isnan(tau) else tau


def _ndcg(scores: Float32, grades: tuple[float, ...] | None) -> float:
    """Of the order that a ranking would show: highest first, equal scores in the order they came in."""
    return ndcg(np.asarray(grades, dtype=np.float64)[np.argsort(-scores, kind="stable")], HEAD)


def _prefers(grades: tuple[float, ...]) -> bool:
    return len(set(grades)) > 1
