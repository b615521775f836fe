"""Questions to the administration about sheets that nothing was learnt from: a set in BEIR's form.

The sets of `dev` ask of an encyclopaedia, of shops and of abstracts; who uses the model may have other texts.
A section of a sheet is asked for, and the other sections of that sheet and of others stand in its way. Of
these sheets no more was seen than which words are frequent, for the vocabulary.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path

from recipe.data import held_out
from recipe.services import question, sections

NAME = "services-fr"
QUESTIONS = 400


def write(sources: Path, to: Path, rng: random.Random) -> None:
    """Write corpus, queries and judgements of `dev`."""
    found = [section for section in sections(sources) if held_out(section.sheet)]
    # A sheet's title asks for all of it, and two sections of one heading answer the same.
    headings = [(section.sheet, section.heading) for section in found]
    own = [place for place, each in enumerate(headings) if headings.count(each) == 1 and each[0] != each[1]]
    asked = sorted(rng.sample(own, min(QUESTIONS, len(own))))
    (to / "qrels").mkdir(parents=True, exist_ok=True)
    _write(
        to / "corpus.jsonl",
        ({"_id": f"s{place}", "title": each.sheet, "text": each.text} for place, each in enumerate(found)),
    )
    _write(
        to / "queries.jsonl",
        ({"_id": f"q{place}", "text": question(found[place], rng.randrange(3))} for place in asked),
    )
    lines = [f"q{place} 0 s{place} 1\n" for place in asked]
    (to / "qrels" / "dev.trec").write_text("".join(lines), encoding="utf-8")


def _write(file: Path, rows: Iterable[Mapping[str, str]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    file.write_text("".join(lines), encoding="utf-8")
