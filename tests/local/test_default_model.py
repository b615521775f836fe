"""The embedded default: whatever is asked of it gets a score, and what ships with it is about itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pertinence_mini
from pertinence import Reranker
from pertinence.local.files.fingerprint import fingerprint

QUESTION = "Où se trouve le musée de la mer ?"
PASSAGES = [
    "Le musée de la mer se trouve sur le vieux port, dans l'ancienne criée.",
    "La mer est agitée ce matin, et les bateaux restent au port.",
]
STRANGE = {
    "another language": ("Wo ist das Museum?", "Das Museum liegt am alten Hafen. 博物館は港にあります。"),
    "code": ("def rank(items)", "for item in sorted(items, key=lambda i: -i.score): print(item)"),
    "a table": ("prix du billet", "| tarif | euros |\n|---|---|\n| plein | 8 |\n| réduit | 5 |"),
    "capitals": (QUESTION.upper(), PASSAGES[0].upper()),
    "one word": ("musée", PASSAGES[0]),
    "one letter": ("m", "n"),
    "no letter": ("?!", "…"),
    "emoji": ("🐚?", "🌊🌊🌊"),
    "nothing to read": (QUESTION, ""),
    "more than it reads": (QUESTION, "mer " * 5000),
    "one endless word": (QUESTION, "m" * 5000),
}


@pytest.fixture(scope="module")
def reranker() -> Iterator[Reranker]:
    with Reranker() as opened:
        yield opened


@pytest.mark.parametrize(("query", "passage"), STRANGE.values(), ids=STRANGE)
def test_strange_text_gets_a_score_like_any_other(reranker: Reranker, query: str, passage: str) -> None:
    (score,) = reranker.score(query, [passage])
    assert math.isfinite(score)
    assert 0 <= score <= 1


@given(st.text(min_size=1, max_size=60).filter(str.strip), st.text(max_size=200))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_an_error(reranker: Reranker, query: str, passage: str) -> None:
    assert 0 <= reranker.score(query, [passage])[0] <= 1


def test_capitals_and_missing_accents_change_nothing(reranker: Reranker) -> None:
    plain = "Ou se trouve le musee de la mer ?"
    expected = reranker.score(QUESTION, PASSAGES)
    for asked in (QUESTION.upper(), plain, plain.lower()):
        assert reranker.score(asked, PASSAGES).tolist() == expected.tolist()


def test_the_shipped_verdicts_are_about_the_shipped_weights() -> None:
    folder = pertinence_mini.folder()
    reports = json.loads((folder / "gate.json").read_text(encoding="utf-8"))
    assert reports
    assert {report["fingerprint"] for report in reports} == {fingerprint(folder)}
    assert any(report["verdict"] == "passed" for report in reports)


def test_the_card_says_where_the_data_came_from_and_what_the_model_is_not_good_for() -> None:
    card = (pertinence_mini.folder() / "README.md").read_text(encoding="utf-8")
    for part in ("PIAF", "ePQA", "CDLA-Sharing-1.0", "## Figures", "## What it is not good for"):
        assert part in card
