"""nDCG, held against ir_measures, and the permutation test beside it."""

from __future__ import annotations

import math
from itertools import permutations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.errors import InputError
from pertinence.gate.ndcg import ndcg, share_of_random_orders

grades = st.lists(st.integers(0, 3), min_size=1, max_size=25)


@given(grades, st.integers(1, 30))
def test_ndcg_is_that_of_ir_measures(ranked: list[int], k: int) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    qrels = {"q": {str(place): grade for place, grade in enumerate(ranked)}}
    # Scores derived from ranks: on ties its providers disagree.
    run = {"q": {str(place): float(-place) for place in range(len(ranked))}}
    measure = ir_measures.nDCG @ k
    expected = ir_measures.calc_aggregate([measure], qrels, run)[measure]
    assert ndcg(ranked, k) == pytest.approx(expected, abs=1e-9)


def test_ndcg_of_an_answer_in_second_place() -> None:
    assert ndcg([0, 1, 0]) == pytest.approx(1 / math.log2(3))


@given(grades.filter(any))
def test_the_best_order_has_one_and_no_order_has_more(ranked: list[int]) -> None:
    assert ndcg(sorted(ranked, reverse=True)) == pytest.approx(1)
    assert 0 <= ndcg(ranked) <= 1 + 1e-12


@given(grades)
def test_without_a_relevant_passage_there_is_nothing_to_gain(ranked: list[int]) -> None:
    assert ndcg([0] * len(ranked)) == 0


@pytest.mark.parametrize(("ranked", "k"), [([1], 0), ([-1, 1], 10), ([math.nan], 10)])
def test_what_has_no_ndcg_is_refused(ranked: list[float], k: int) -> None:
    with pytest.raises(InputError):
        ndcg(ranked, k)


def test_the_share_of_random_orders_is_that_of_all_orders() -> None:
    ranked = [0, 1, 2, 0, 0, 1]
    every = [ndcg(order) for order in permutations(ranked)]
    reached = ndcg([2, 0, 1, 0, 0, 1])
    share = fmean(value >= reached - 1e-9 for value in every)
    # Three standard errors of 2,000 draws.
    assert share_of_random_orders([ranked], reached) == pytest.approx(share, abs=3 * math.sqrt(share / 2000))


def test_many_questions_answered_well_are_no_chance_and_few_may_be() -> None:
    best = [1.0] + [0.0] * 11
    assert share_of_random_orders([best] * 6, 1.0) < 0.001
    assert share_of_random_orders([best], 1.0) > 0.05
