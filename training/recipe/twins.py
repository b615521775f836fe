"""The same text in French and English: what Debian's packages are, an office suite's help, a dictionary.

The pretrained encoder knows English. A text that stands beside its translation carries that knowledge over:
what the encoder makes of the English is what it should make of the French (recipe.bilingual), and how near
two English texts are is how near their translations are (recipe.rows).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import html

from recipe.archives import members

HELP = {"fr": "help-fr.deb", "en": "help-en.deb"}
DICTIONARY = "dictionary.deb"
TRANSLATIONS = 2  # of a word, at most; further ones are rare senses

_HEADWORD = re.compile(r"^(?P<word>\S.*?) /.*/$")
_NUMBER = re.compile(r"^\s*\d+\.\s*")


@dataclass(frozen=True, kw_only=True)
class Twin:
    """One text in both languages.

    Attributes:
        source: `descriptions`, `help` or `dictionary`.
        french, english: a heading, then the paragraphs below it, as many in one as in the other.
    """

    source: str
    french: tuple[str, ...]
    english: tuple[str, ...]


def twins(folder: Path) -> Iterator[Twin]:
    """Every text of the three sources that `recipe.fetch` has put into `folder`."""
    yield from descriptions(folder)
    yield from helps(folder)
    yield from words(folder)


def descriptions(folder: Path) -> Iterator[Twin]:
    """What packages are: a line, then paragraphs. What several say alike, once."""
    english, french = (_described(folder / f"descriptions-{language}.gz") for language in ("en", "fr"))
    seen = set()
    for package, said in french.items():
        twin = english.get(package, ())
        if len(twin) == len(said) > 1 and twin[1] not in seen:
            seen.add(twin[1])
            yield Twin(source="descriptions", french=said, english=twin)


def helps(folder: Path) -> Iterator[Twin]:
    """The help's sections. Translators keep each paragraph's identifier, by which the twins are found."""
    pages: dict[str, dict[str, dict[str, tuple[bool, str]]]] = {}
    for language, file in HELP.items():
        for name, content in members(folder / file, ".html"):
            page = "/".join(name.split("/text/")[1:])
            if page:
                pages.setdefault(page, {})[language] = _paragraphs(content)
    for page in pages.values():
        if len(page) == len(HELP):
            yield from _sections(page["fr"], page["en"])


def words(folder: Path) -> Iterator[Twin]:
    """Words of a dictionary; as short as a text can be."""
    for _, content in members(folder / DICTIONARY, ".dict.dz"):
        word = ""
        for line in gzip.decompress(content).decode("utf-8").splitlines():
            if found := _HEADWORD.match(line):
                word = found["word"]
            elif word and line.strip():
                for translation in _NUMBER.sub("", line).split(",")[:TRANSLATIONS]:
                    yield Twin(source="dictionary", french=(translation.strip(),), english=(word,))
                word = ""


def _described(file: Path) -> dict[str, tuple[str, ...]]:
    """Package -> its line and its paragraphs."""
    found: dict[str, tuple[str, ...]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for entry in lines.read().split("\n\n"):
            head, _, body = entry.partition("\nDescription-")
            if not body:
                continue
            name = head.split("\n", 1)[0].removeprefix("Package: ")
            # After the sum of the English text comes the text, named for its language.
            line, *rest = body.split("\nDescription-", 1)[-1].split(": ", 1)[-1].split("\n")
            paragraphs = "\n".join(rest).split("\n .\n")
            found[name] = tuple(" ".join(text.split()) for text in (line, *paragraphs) if text.strip())
    return found


def _paragraphs(content: bytes) -> dict[str, tuple[bool, str]]:
    """Identifier -> whether it is a heading, and its text."""
    found = {}
    for element in html.fromstring(content).iter("h1", "h2", "h3", "h4", "p"):
        name, text = element.get("id", ""), " ".join(element.text_content().split())
        if text and name.startswith(("hd_", "par_")):
            found[name] = (name.startswith("hd_"), text)
    return found


def _sections(french: dict[str, tuple[bool, str]], english: dict[str, tuple[bool, str]]) -> Iterator[Twin]:
    section: list[tuple[str, str]] = []
    for name, (heads, text) in french.items():
        if name not in english:
            continue
        if heads:
            yield from _section(section)
            section = []
        if heads or section:
            section.append((text, english[name][1]))
    yield from _section(section)


def _section(texts: list[tuple[str, str]]) -> Iterator[Twin]:
    # A page that nobody translated is the same in both.
    if len(texts) > 1 and texts[1][0] != texts[1][1]:
        french, english = zip(*texts, strict=True)
        yield Twin(source="help", french=french, english=english)
