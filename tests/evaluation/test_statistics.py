"""Intervals and tests: against what can be worked out exactly."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.evaluation.statistics import bootstrap_intervals, holm, randomisation_test


def test_the_interval_of_many_queries_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.2, size=(2000, 1))
    ((low, high),) = bootstrap_intervals(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.001)


def test_values_that_are_all_the_same_leave_nothing_open() -> None:
    assert bootstrap_intervals(np.full((7, 2), 0.25)).tolist() == pytest.approx(np.full((2, 2), 0.25))


def test_a_report_can_be_repeated_for_all_seeds_are_fixed() -> None:
    values = np.random.default_rng(2).random((30, 3))
    assert (bootstrap_intervals(values) == bootstrap_intervals(values)).all()
    assert (randomisation_test(values - 0.4) == randomisation_test(values - 0.4)).all()


def test_columns_do_not_disturb_each_other() -> None:
    values = np.random.default_rng(3).random((30, 3))
    assert bootstrap_intervals(values)[1] == pytest.approx(bootstrap_intervals(values[:, 1:2])[0])


def test_randomisation_comes_near_the_p_of_all_assignments_of_signs() -> None:
    differences = np.array([0.5, 0.2, -0.1, 0.4, 0.3, -0.2, 0.1, 0.25, 0.0, 0.15])
    sums = [abs(float(np.dot(signs, differences))) for signs in product((-1, 1), repeat=len(differences))]
    exact = np.mean([each >= abs(differences.sum()) - 1e-12 for each in sums])
    assert randomisation_test(differences[:, None])[0] == pytest.approx(exact, abs=0.01)


def test_no_difference_has_p_one_and_a_large_one_the_least_there_is() -> None:
    p = randomisation_test(np.column_stack([np.zeros(50), np.full(50, 0.3)]))
    assert p.tolist() == [1.0, pytest.approx(1 / 10_001)]


def test_without_queries_nothing_is_known() -> None:
    assert np.isnan(bootstrap_intervals(np.empty((0, 2)))).all()
    assert randomisation_test(np.empty((0, 2))).tolist() == [1, 1]


def test_holm_multiplies_the_least_by_all_and_never_turns_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_a_corrected_p_is_never_smaller_nor_over_one(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [corrected[place] for place in order] == sorted(corrected)
