"""From raw data to what the training reads: groups of one question, its passage and what it is mistaken for.

    python -m recipe.prepare --to runs/prepared

Four sources: PIAF's questions, questions made of PIAF's passages, ePQA's questions, and the summary lines of
documented functions. Passages of `dev` articles are in none of them, not even as negatives.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from pertinence import Embedder
from recipe.batches import TrainingSets, training_sets
from recipe.model import base_folder
from recipe.questions import cloze, sentences
from recipe.texts import documented, versions
from recipe.vocabulary import write_start

DEPTH = 30
CLOZES = 4  # questions made of one passage
HIDDEN = 0.5  # how often the sentence that a question was made of is taken out of its passage


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the groups, the encoder with its new vocabulary, and what both were made of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="folder of the prepared data")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--english", action="store_true", help="keep the encoder's English vocabulary")
    parser.add_argument("--most", type=int, help="at most so many questions a source")
    args = parser.parse_args(arguments)
    args.to.mkdir(parents=True, exist_ok=True)
    sets, rng = training_sets(), random.Random(args.seed)
    texts: dict[str, list[str]] = {}
    for passage, title in sets.piaf_pool.items():
        texts.setdefault(title, []).append(sets.piaf.passages[passage])
    for query in sets.piaf_train:
        title = sets.piaf.titles[next(iter(sets.piaf.qrels[query]))]
        texts[title].append(sets.piaf.queries[query])
    vocabulary = write_start({} if args.english else texts, args.to / "start")
    print(vocabulary, flush=True)
    counts: dict[str, int] = {}
    with gzip.open(args.to / "groups.jsonl.gz", "wt", encoding="utf-8") as out:
        for rows in (piaf(sets), clozes(sets, rng), epqa(sets), functions(rng, args.most)):
            for row in islice(rows, args.most):
                counts[row.source] = counts.get(row.source, 0) + 1
                out.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
            print(counts, flush=True)
    about = {"vocabulary": vocabulary, "questions": counts, "documentation": versions()}
    (args.to / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


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


def clozes(sets: TrainingSets, rng: random.Random) -> Iterator[Row]:
    """Questions made of French passages."""
    pool = list(sets.piaf_pool)
    texts = [sets.piaf.passages[p] for p in pool]
    made: list[tuple[int, str, str]] = []
    for place, text in enumerate(texts):
        found = sentences(text)
        for sentence in rng.sample(found, min(CLOZES, len(found))):
            kept = text.replace(sentence, " ") if rng.random() < HIDDEN and len(found) > 3 else text
            made.append((place, cloze(sentence, rng), " ".join(kept.split())))
    rng.shuffle(made)
    shared = _shared_words([query for _, query, _ in made], texts)
    for (place, query, right), near in zip(made, shared, strict=True):
        wrong = _nearest(near, place)
        yield Row(
            source="cloze",
            query=query,
            passages=[right, *(texts[other] for other in wrong)],
            titles=[sets.piaf.titles[pool[other]] for other in (place, *wrong)],
            worth=[1.0] + [0.0] * len(wrong),
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
    bodies = [each.body for each in found]
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
    with Embedder(str(base_folder()), normalize=True) as embedder:
        asked = embedder.embed_documents(queries)
        said = embedder.embed_documents(bodies)
    shared = _shared_words(queries, bodies)
    for place, (query, right) in enumerate(zip(queries, rights, strict=True)):
        near = shared[place] + said @ asked[place]
        wrong = _nearest(near, place)
        yield Row(
            source="functions",
            query=query,
            passages=[right, *(bodies[other] for other in wrong)],
            worth=[round(float(near[other]), 4) for other in (place, *wrong)],
            soft=True,
        )


def _ask(line: str, rng: random.Random) -> str:
    words = line.rstrip(".").split()
    start = rng.choice(("how to", "how do I", "what does it mean to", "when should I", "which function can"))
    return f"{start} {words[0].lower()} {' '.join(words[1:14])}?"


def _shared_words(queries: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Cosine of word weights, of shape (queries, texts): 0 where no word is shared."""
    vectorizer = TfidfVectorizer(strip_accents="unicode", token_pattern=r"\w+", sublinear_tf=True)
    table = vectorizer.fit_transform(texts)
    return (vectorizer.transform(queries) @ table.T).toarray()


def _nearest(near: np.ndarray, place: int) -> list[int]:
    """The texts of the greatest numbers, best first, less the question's own at `place`."""
    return [int(other) for other in np.argsort(-near)[: DEPTH + 1] if other != place][:DEPTH]


if __name__ == "__main__":
    main()
