"""From scores to a ranking: order, ties, threshold, then `top_k`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.errors import InputError, OptionError, ScoreError
from pertinence.ranking import check_threshold, check_top_k, order, rank_scores
from pertinence.scorer import Scores, sigmoid

values = st.lists(st.floats(-5, 5, width=32), max_size=60)


def scores(numbers: list[float]) -> Scores:
    return Scores(values=np.array(numbers, dtype=np.float32), kind="logit")


@given(values)
def test_the_order_is_that_of_a_stable_sort(numbers: list[float]) -> None:
    assert order(scores(numbers)) == sorted(range(len(numbers)), key=lambda i: -numbers[i])


@given(values, st.floats(-5, 5, width=32), st.integers(1, 10))
def test_the_threshold_comes_before_top_k_and_is_inclusive(
    numbers: list[float], threshold: float, top_k: int
) -> None:
    kept = order(scores(numbers), top_k=top_k, threshold=threshold)
    eligible = [i for i, number in enumerate(numbers) if number >= threshold]
    assert len(kept) == min(top_k, len(eligible))
    assert set(kept) <= set(eligible)


def test_a_ranking_is_a_sequence_of_documents_with_python_floats() -> None:
    ranking = rank_scores("q", ["a", "b", "c"], scores([0.5, 2.0, 0.5]), model="m")
    assert [item.document for item in ranking] == ["b", "a", "c"]
    assert ranking.documents == ["b", "a", "c"]
    assert [item.index for item in ranking] == [1, 0, 2]
    assert all(type(score) is float for score in ranking.scores)
    assert (len(ranking), ranking.total, ranking[0].document) == (3, 3, "b")


def test_a_ranking_reads_well() -> None:
    ranking = rank_scores("où ?", ["a", "b"], scores([0.5, 2.0]), model="m", top_k=1)
    assert repr(ranking) == "<Ranking of 1 of 2 documents by m: 'b' 2.000 logit>"


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_a_top_k_that_keeps_nothing_or_is_no_number_is_named(value: object) -> None:
    with pytest.raises(OptionError, match="top_k must be"):
        check_top_k(value)


@pytest.mark.parametrize("value", [math.nan, "0.5", True])
def test_a_threshold_that_is_no_number_is_named(value: object) -> None:
    with pytest.raises(OptionError, match="score_threshold must be"):
        check_threshold(value, "score_threshold")


@given(st.lists(st.floats(-200, 200, width=32)))
def test_the_sigmoid_neither_overflows_nor_leaves_its_range(numbers: list[float]) -> None:
    with np.errstate(all="raise", under="ignore"):
        got = sigmoid(np.array(numbers, dtype=np.float32))
    assert got.dtype == np.float32
    assert all(0 <= value <= 1 for value in got)
    np.testing.assert_allclose(got, [1 / (1 + math.exp(-n)) for n in numbers], atol=1e-6)


def test_scores_are_converted_only_when_their_scale_is_known() -> None:
    logits = scores([0.0, 2.0])
    assert logits.to("probability").values[0] == 0.5
    raw = Scores(values=logits.values, kind="raw")
    assert raw.to("raw") is raw
    with pytest.raises(InputError, match="'raw' cannot be turned into 'probability'"):
        raw.to("probability")


def test_logits_that_round_to_the_same_probability_are_still_told_apart() -> None:
    ranking = rank_scores("q", ["a", "b", "c"], scores([18.0, 30.0, 20.0]), model="m", kind="probability")
    assert ranking.documents == ["b", "c", "a"]
    assert set(ranking.scores) == {1.0}


@pytest.mark.parametrize(
    ("values", "said"),
    [([0.1], r"shape \(1,\) for 2"), ([0.1, 0.2, 0.3], "for 2"), ([0.1, math.nan], "nan for document 1")],
)
def test_what_is_not_one_finite_score_per_document_is_refused(values: list[float], said: str) -> None:
    with pytest.raises(ScoreError, match=said):
        rank_scores("q", ["a", "b"], scores(values), model="m")
