"""Questions to the administration about sheets that nothing was learnt from: a set in BEIR's form.

The sets of `dev` ask of an encyclopaedia, of shops and of abstracts; who uses the model may have other texts.
A section of a sheet is asked for, and the other sections of that sheet and of others stand in its way. Of
these sheets no more was seen than which words are frequent, for the vocabulary; and what another sheet says
in the same words is not asked for.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pertinence.evaluation.bm25 import Bm25
from pertinence.evaluation.collection import TextsInMemory
from recipe.data import held_out
from recipe.near import SAME, SharedWords
from recipe.services import question, sections

NAME = "services-fr"
QUESTIONS = 400
CANDIDATES = 50


def write(sources: Path, to: Path, rng: random.Random) -> None:
    """Write corpus, queries and judgements of `dev`."""
    every = list(sections(sources))
    held = [place for place, section in enumerate(every) if held_out(section.sheet)]
    found = [every[place] for place in held]
    said_once = _said_once([section.text for section in every], held)
    # A sheet's title asks for all of it, and two sections of one heading answer the same.
    headings = [(section.sheet, section.heading) for section in found]
    own = [
        place
        for place, each in enumerate(headings)
        if held[place] in said_once and headings.count(each) == 1 and each[0] != each[1]
    ]
    asked = sorted(rng.sample(own, min(QUESTIONS, len(own))))
    (to / "qrels").mkdir(parents=True, exist_ok=True)
    # A section says little without its sheet's title, so every reader is shown both.
    passages = {f"s{place}": f"{each.sheet}\n{each.text}" for place, each in enumerate(found)}
    queries = {f"q{place}": question(found[place], rng.randrange(3)) for place in asked}
    _write_texts(to / "corpus.jsonl.gz", passages)
    _write_texts(to / "queries.jsonl", queries)
    _write(to / "qrels" / "dev.trec", (f"q{place} 0 s{place} 1" for place in asked))
    index = Bm25(TextsInMemory(NAME, passages))
    _write(
        to / "bm25.trec.gz",
        (
            f"{ranked.query} Q0 {passage} {rank} {score} bm25"
            for ranked in index.search(queries.items(), CANDIDATES)
            for rank, (passage, score) in enumerate(zip(ranked.passages, ranked.scores, strict=True), start=1)
        ),
    )


def _said_once(texts: Sequence[str], places: Sequence[int]) -> set[int]:
    """Places whose text no other one resembles: a sheet for other readers often says the same."""
    near = SharedWords(texts).near([texts[place] for place in places])
    return {place for place, cosines in zip(places, near, strict=True) if (cosines >= SAME).sum() == 1}


def _write_texts(file: Path, texts: Mapping[str, str]) -> None:
    _write(file, (json.dumps({"_id": key, "text": text}, ensure_ascii=False) for key, text in texts.items()))


def _write(file: Path, lines: Iterable[str]) -> None:
    with (gzip.open if file.suffix == ".gz" else open)(file, "wt", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in lines)
