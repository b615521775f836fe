"""How alike two score lists are, held against scipy where it is installed and against plain counting."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.agreement import drift_over_spread, kendall_tau, max_drift, spread_within, top_overlap
from pertinence.errors import InputError

Pair = tuple[list[float], list[float]]

# Few distinct values make ties, which are where taus differ.
score = st.one_of(st.floats(-5, 5, width=32), st.integers(-2, 2).map(float))
pairs = st.integers(2, 40).flatmap(
    lambda n: st.tuples(st.lists(score, min_size=n, max_size=n), st.lists(score, min_size=n, max_size=n))
)


@pytest.fixture(scope="module")
def stats() -> ModuleType:
    return pytest.importorskip("scipy.stats", reason="scipy comes with sentence-transformers")


@given(pair=pairs)
def test_tau_is_that_of_scipy(stats: ModuleType, pair: Pair) -> None:
    expected = float(stats.kendalltau(*pair, variant="b").statistic)
    assert kendall_tau(*pair) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_tau_counts_pairs_in_order_less_pairs_in_reverse() -> None:
    assert kendall_tau([1, 2, 3], [10, 20, 30]) == 1
    assert kendall_tau([1, 2, 3], [3, 2, 1]) == -1
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    # Five pairs of one list have an order, six of the other: (5 - 0) / sqrt(5 * 6).
    assert kendall_tau([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(5 / math.sqrt(30))


@pytest.mark.parametrize("flat", [[0.5], [0.5, 0.5, 0.5]])
def test_without_two_different_scores_there_is_no_tau(flat: list[float]) -> None:
    assert math.isnan(kendall_tau(flat, list(range(len(flat)))))
    assert math.isnan(kendall_tau(list(range(len(flat))), flat))


@given(pairs)
def test_tau_does_not_ask_which_list_comes_first(pair: Pair) -> None:
    first, second = pair
    assert kendall_tau(first, second) == pytest.approx(kendall_tau(second, first), nan_ok=True)


@given(pairs, st.integers(1, 50))
def test_overlap_is_the_shared_part_of_the_two_heads(pair: Pair, k: int) -> None:
    heads = [set(sorted(range(len(scores)), key=lambda i: -scores[i])[:k]) for scores in pair]
    assert top_overlap(*pair, k) == pytest.approx(len(heads[0] & heads[1]) / min(k, len(pair[0])))


def test_overlap_of_a_part_of_the_heads() -> None:
    assert top_overlap([9, 8, 7, 1, 2], [9, 1, 2, 8, 7], 3) == pytest.approx(1 / 3)
    assert top_overlap([3, 2, 1], [1, 2, 3], 3) == 1


@given(pairs)
def test_drift_is_the_largest_difference(pair: Pair) -> None:
    assert max_drift(*pair) == max(abs(a - b) for a, b in zip(*pair, strict=True))


def test_drift_over_spread_is_in_standard_deviations_of_the_reference() -> None:
    assert drift_over_spread([0, 2, 0, 2], [0, 2, 0, 2.5]) == pytest.approx(0.5)
    assert drift_over_spread([0, 20, 0, 20], [0, 20, 0, 20.5]) == pytest.approx(0.05)


@pytest.mark.parametrize("value", [0.1, 1e6 + 0.1])
def test_a_reference_without_spread_forgives_no_drift(value: float) -> None:
    assert drift_over_spread([value] * 3, [value] * 3) == 0
    assert drift_over_spread([value] * 3, [value, value, value + 1]) == math.inf


@given(pairs.filter(lambda pair: np.ptp(pair[0]) > 1e-3), st.floats(0.01, 100))
def test_drift_over_spread_does_not_depend_on_the_unit(pair: Pair, unit: float) -> None:
    scaled = [[value * unit for value in scores] for scores in pair]
    assert drift_over_spread(*scaled) == pytest.approx(drift_over_spread(*pair))


@pytest.mark.parametrize(
    "compare", [kendall_tau, max_drift, drift_over_spread, lambda a, b: top_overlap(a, b, 3)]
)
@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ([], [], "empty"),
        ([1.0, 2.0], [1.0], "one length"),
        ([[1.0], [2.0]], [[1.0], [2.0]], "flat"),
        ([1.0, math.nan], [1.0, 2.0], "finite"),
        ([1.0, 2.0], [1.0, math.inf], "finite"),
    ],
)
def test_lists_that_cannot_be_compared_are_refused(
    compare: Callable[[object, object], float], first: object, second: object, why: str
) -> None:
    with pytest.raises(InputError, match=why):
        compare(first, second)


@pytest.mark.parametrize("k", [0, -1])
def test_a_head_of_nothing_is_refused(k: int) -> None:
    with pytest.raises(InputError, match="k must be > 0"):
        top_overlap([1.0], [1.0], k)


@given(st.lists(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=9), min_size=1, max_size=5))
def test_the_spread_within_lists_does_not_see_what_sets_them_apart(lists: list[list[float]]) -> None:
    off = [value - np.mean(scores) for scores in lists for value in scores]
    apart = [[value + 8 * place for value in scores] for place, scores in enumerate(lists)]
    for each in (lists, apart):
        assert spread_within(each) == pytest.approx(float(np.std(off)), abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1])
def test_equal_scores_and_what_float32_cannot_tell_apart_have_no_spread(value: float) -> None:
    assert spread_within([[value] * 3, [value] * 2]) == 0
    assert spread_within([[value, value * (1 + 1e-9)]]) == 0


@pytest.mark.parametrize("lists", [[], [[]], [[1.0], [math.nan]], [[[1.0]]]])
def test_a_spread_of_nothing_is_refused(lists: list[object]) -> None:
    with pytest.raises(InputError):
        spread_within(lists)
