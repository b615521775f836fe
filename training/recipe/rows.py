"""What every source asks: one question, its passage, and the passages that it is mistaken for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pertinence import Embedder
from recipe.batches import TrainingSets
from recipe.data import held_out
from recipe.model import base_folder
from recipe.near import SAME, SharedWords
from recipe.questions import sentences
from recipe.services import Section, question, sections
from recipe.texts import documented
from recipe.twins import Twin, descriptions, helps

DEPTH = 30
HIDDEN = 0.5  # how often the sentence that a question was made of is taken out of its passage
# Of the two great sources, so many questions are more than the training has time for, and so many wrong
# passages enough for it to draw from.
SERVICES, TWINS, WRONG = 8000, 5000, 12
HEADING = 3  # words that a heading needs to be asked for
BODY = (12, 230)  # words of a twin's passage


@dataclass(frozen=True, kw_only=True)
class Row:
    """One question as stored: texts of its passages, the best first, and what each is worth.

    Attributes:
        worth: of each passage, a grade (0 is wrong); or of a made question, how near the bi-encoder and the
            words say that it is.
        titles: of each passage, where they have any.
    """

    source: str
    query: str
    passages: list[str]
    worth: list[float]
    titles: list[str] = field(default_factory=list)
    soft: bool = False


def piaf(sets: TrainingSets) -> Iterator[Row]:
    """People's questions; negatives from BM25's list, best first."""
    data = sets.piaf
    for query in sets.piaf_train:
        judged = data.qrels[query]
        wrong = [p for p in data.candidates[query] if p not in judged and p in sets.piaf_pool][:DEPTH]
        right = sorted(judged)
        yield Row(
            source="piaf",
            query=data.queries[query],
            passages=[data.passages[p] for p in (*right, *wrong)],
            titles=[data.titles[p] for p in (*right, *wrong)],
            worth=[1.0] * len(right) + [0.0] * len(wrong),
        )


def services(sources: Path, rng: random.Random) -> Iterator[Row]:
    """What people ask of the administration: titles of its sheets first, then headings of their sections.

    Without the sheets that are held out (see `recipe.unseen`).
    """
    found = [section for section in sections(sources) if not held_out(section.sheet)]
    words = SharedWords([f"{section.sheet} {section.text}" for section in found])
    order = rng.sample(range(len(found)), len(found))
    asked = sorted(order, key=lambda place: found[place].heading != found[place].sheet)[:SERVICES]
    queries = [question(found[place], rng.randrange(3)) for place in asked]
    for place, query, near in zip(asked, queries, words.near(queries), strict=True):
        wrong = _nearest(near, place, 3 * WRONG)
        alike = words.alike(place, wrong)
        kept = [
            other
            for other, same in zip(wrong, alike, strict=True)
            if same < SAME and not _answers(found[place], found[other])
        ][:WRONG]
        yield Row(
            source="services",
            query=query,
            passages=[found[other].text for other in (place, *kept)],
            titles=[found[other].sheet for other in (place, *kept)],
            worth=[1.0] + [0.0] * len(kept),
        )


def epqa(sets: TrainingSets) -> Iterator[Row]:
    """Shoppers' questions with their graded candidates."""
    data = sets.epqa
    for query in sets.epqa_train:
        judged = data.qrels[query]
        order = sorted(data.candidates[query], key=lambda p: -judged.get(p, 0))
        yield Row(
            source="epqa",
            query=data.queries[query],
            passages=[data.passages[p] for p in order],
            worth=[float(judged.get(p, 0)) for p in order],
        )


def functions(rng: random.Random, most: int | None = None) -> Iterator[Row]:
    """Summary lines as questions, and sentences; near passages weighed as the bi-encoder weighs them."""
    found = documented()
    rng.shuffle(found)
    found = found[:most]
    queries, rights = [], []
    for each in found:
        inside = sentences(each.body)
        if inside and rng.random() < 0.4:
            sentence = rng.choice(inside)
            hide = rng.random() < HIDDEN and len(inside) > 2
            queries.append(sentence if rng.random() < 0.6 else _ask(sentence, rng))
            rights.append(each.body.replace(sentence, " ") if hide else each.body)
        else:
            queries.append(each.summary if rng.random() < 0.6 else _ask(each.summary, rng))
            rights.append(each.body)
    bodies = [each.body for each in found]
    for place, (wrong, worth) in enumerate(judged_near(queries, bodies, DEPTH)):
        yield Row(
            source="functions",
            query=queries[place],
            passages=[rights[place], *(bodies[other] for other in wrong)],
            worth=worth,
            soft=True,
        )


def twins(sources: Path, rng: random.Random, most: int | None = None) -> Iterator[Row]:
    """Headings and the text below them, in both languages; what is near is judged in English for both."""
    found = [twin for twin in (*descriptions(sources), *helps(sources)) if _is_passage(twin)]
    found = rng.sample(found, min(most or TWINS, TWINS, len(found)))
    french = [_body(twin.french) for twin in found]
    english = [_body(twin.english) for twin in found]
    near = judged_near([twin.english[0] for twin in found], english, WRONG)
    for place, (wrong, worth) in enumerate(near):
        for source, query, bodies in (
            ("twins_fr", found[place].french[0], french),
            ("twins_en", found[place].english[0], english),
        ):
            passages = [bodies[other] for other in (place, *wrong)]
            yield Row(source=source, query=query, passages=passages, worth=worth, soft=True)


def judged_near(
    queries: Sequence[str], bodies: Sequence[str], depth: int
) -> Iterator[tuple[list[int], list[float]]]:
    """Of each query, the places of the nearest bodies but its own; and what its own and they are worth.

    The worth is the cosine of the bi-encoder plus that of shared words.
    """
    with Embedder(str(base_folder()), normalize=True) as embedder:
        asked = embedder.embed_documents(queries)
        said = embedder.embed_documents(bodies)
    for place, shared in enumerate(SharedWords(bodies).near(queries)):
        near = shared + said @ asked[place]
        wrong = _nearest(near, place, depth)
        yield wrong, [round(float(near[other]), 4) for other in (place, *wrong)]


def _ask(line: str, rng: random.Random) -> str:
    words = line.rstrip(".").split()
    start = rng.choice(("how to", "how do I", "what does it mean to", "when should I", "which function can"))
    return f"{start} {words[0].lower()} {' '.join(words[1:14])}?"


def _answers(asked: Section, other: Section) -> bool:
    """Whether another section may answer too: each of a sheet whose whole is asked for."""
    return other.sheet == asked.sheet and asked.heading in (asked.sheet, other.heading)


def _is_passage(twin: Twin) -> bool:
    words = len(_body(twin.english).split())
    return len(twin.english[0].split()) >= HEADING and words >= BODY[0]


def _body(text: Sequence[str]) -> str:
    return " ".join(" ".join(text[1:]).split()[: BODY[1]])


def _nearest(near: np.ndarray, place: int, depth: int) -> list[int]:
    """The texts of the greatest numbers, best first, less the question's own at `place`."""
    best = np.argpartition(-near, min(depth, len(near) - 1))[: depth + 1]
    return [int(other) for other in best[np.argsort(-near[best])] if other != place][:depth]
