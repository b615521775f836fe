"""From figures to a verdict: each limit, each reason not to judge, and what the figures mean."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pertinence.errors import OptionError
from pertinence.gate.limits import Limits, decide
from pertinence.gate.measuring import Figures, Scored, measure

GOOD = Figures(
    questions=30,
    passages=360,
    judged=30,
    tau=0.99,
    lowest_tau=0.95,
    overlap=0.99,
    ndcg_reference=0.9,
    ndcg=0.899,
    ndcg_loss=0.001,
    chance=0.0005,
    spread=2.0,
    drift=0.02,
    drift_over_spread=0.01,
    neighbour_effect=0.005,
    neighbour_passages=192,
    speed_ratio=2.0,
)


def scored(reference: list[float], candidate: list[float], **more: Any) -> Scored:
    arrays = [np.array(scores, dtype=np.float32) for scores in (reference, candidate)]
    facts = {"set_name": "s", "place": 0, "grades": None, **more}
    return Scored(reference=arrays[0], candidate=arrays[1], **facts)


def test_within_its_limits_a_candidate_passes() -> None:
    assert decide(GOOD, Limits()) == ("passed", ())


BEYOND: list[tuple[str, dict[str, float], dict[str, float]]] = [
    ("min_tau", {"tau": 0.9799}, {"min_tau": 0.97}),
    ("max_ndcg_loss", {"ndcg_loss": 0.0021}, {"max_ndcg_loss": 0.003}),
    ("max_neighbour_effect", {"neighbour_effect": 0.0101}, {"max_neighbour_effect": 0.02}),
]


@pytest.mark.parametrize(("name", "figures", "lower"), BEYOND)
def test_beyond_a_limit_it_is_refused_by_name_unless_the_limit_is_lowered(
    name: str, figures: dict[str, Any], lower: dict[str, float]
) -> None:
    beyond = replace(GOOD, **figures)
    verdict, reasons = decide(beyond, Limits())
    assert (verdict, [reason.name for reason in reasons]) == ("refused", [name])
    assert decide(beyond, Limits(**lower))[0] == "passed"
    assert Limits(**lower).lowered == (name,)


def test_every_limit_that_was_passed_is_named() -> None:
    figures = {key: value for _, each, _ in BEYOND for key, value in each.items()}
    _, reasons = decide(replace(GOOD, **figures), Limits())  # type: ignore[arg-type]
    assert [reason.name for reason in reasons] == [name for name, _, _ in BEYOND]


def test_a_figure_that_equals_its_limit_passes() -> None:
    edge = replace(GOOD, tau=0.98, ndcg_loss=0.002, neighbour_effect=0.01)
    assert decide(edge, Limits())[0] == "passed"


def test_stricter_limits_are_not_lowered_ones() -> None:
    assert Limits(min_tau=0.99, max_ndcg_loss=0, max_neighbour_effect=0.001).lowered == ()


@pytest.mark.parametrize(
    ("figures", "random", "name"),
    [
        ({}, True, "random_weights"),
        ({"spread": 0.0, "drift_over_spread": None}, False, "no_spread"),
        ({"chance": None}, False, "no_judgements"),
        ({"chance": 0.0015}, False, "chance"),
    ],
)
def test_what_gives_no_sign_of_ranking_is_not_judged(
    figures: dict[str, Any], random: bool, name: str
) -> None:
    verdict, reasons = decide(replace(GOOD, **figures), Limits(), random_weights=random)
    assert (verdict, [reason.name for reason in reasons]) == ("not judged", [name])


def test_what_is_not_judged_is_not_refused_either() -> None:
    hopeless = replace(GOOD, tau=0.1, chance=0.5)
    assert decide(hopeless, Limits())[0] == "not judged"


@pytest.mark.parametrize(
    "values",
    [{"min_tau": 1.1}, {"min_tau": math.nan}, {"max_ndcg_loss": -0.1}, {"max_neighbour_effect": "0.1"}],
)
def test_a_limit_that_no_figure_could_have_is_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(values))):
        Limits(**values)


# Figures


def test_tau_and_overlap_are_means_over_questions() -> None:
    figures, (first, second) = measure([scored([1, 2, 3], [1, 2, 3]), scored([1, 2, 3], [3, 2, 1])])
    assert (first.tau, second.tau) == (1, -1)
    assert (figures.tau, figures.lowest_tau, figures.overlap) == (0, -1, 1)


def test_a_candidate_that_lost_the_order_has_no_tau_to_hide_behind() -> None:
    figures, _ = measure([scored([1, 2, 3], [2, 2, 2])])
    assert figures.tau == 0


def test_a_question_without_an_order_counts_for_no_tau() -> None:
    figures, (flat, _) = measure([scored([2, 2], [1, 3]), scored([1, 2], [1, 2])])
    assert (flat.tau, figures.tau) == (None, 1)


def test_the_loss_is_the_mean_over_questions_whose_judgements_prefer_an_order() -> None:
    figures, _ = measure(
        [
            scored([2, 1], [1, 2], grades=(1.0, 0.0)),
            scored([2, 1], [2, 1], grades=(1.0, 0.0)),
            scored([2, 1], [1, 2], grades=(1.0, 1.0)),
            scored([2, 1], [1, 2]),
        ]
    )
    assert (figures.questions, figures.judged) == (4, 2)
    assert figures.ndcg_reference == 1
    assert figures.ndcg_loss == pytest.approx((1 - 1 / math.log2(3)) / 2)


def test_equal_scores_are_judged_in_the_order_they_came_in() -> None:
    _, (one,) = measure([scored([1, 0], [1, 1], grades=(0.0, 1.0))])
    assert one.ndcg == pytest.approx(1 / math.log2(3))


def test_drift_and_neighbours_are_told_in_spreads_around_each_question() -> None:
    # What sets the two questions apart, 100, is no spread: each deviates by 1 from its own mean.
    pairs = [([1, 3], [1.5, 3]), ([101, 103], [101, 103])]
    figures, _ = measure([scored(*each, moves=(0.0, 0.25)) for each in pairs])
    assert figures.spread == pytest.approx(1)
    assert figures.drift_over_spread == pytest.approx(0.5)
    assert figures.neighbour_effect == pytest.approx(0.25)
    assert figures.neighbour_passages == 4


def test_without_a_spread_nothing_is_told_in_units_of_it() -> None:
    figures, _ = measure([scored([2, 2], [2, 2.5], moves=(0.5, 0.5))])
    assert (figures.spread, figures.drift) == (0, 0.5)
    assert (figures.drift_over_spread, figures.neighbour_effect, figures.tau) == (None, None, None)


def test_the_speed_ratio_is_the_median_over_the_questions_that_were_timed() -> None:
    times = [(4.0, 1.0), (2.0, 1.0), (90.0, 1.0), None]
    figures, _ = measure([scored([1, 2], [1, 2], seconds=each) for each in times])
    assert figures.speed_ratio == 4
