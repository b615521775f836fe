"""From raw data to what the training reads: groups of one question, its passage and what it is mistaken for.

    python -m recipe.prepare --sources runs/sources --to runs/prepared

Passages of PIAF's `dev` articles are in none of them, not even as negatives; nor are the sheets that
`recipe.unseen` asks for. The vocabulary comes first, for
the encoder learns French with it; one that is there stays, since no two are the same to the last piece.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from recipe import unseen
from recipe.batches import TrainingSets, training_sets
from recipe.rows import Row, epqa, functions, piaf, services, twins
from recipe.services import sections
from recipe.texts import versions
from recipe.twins import descriptions
from recipe.vocabulary import write_start

ABOUT = "about.json"  # written last


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the groups, the encoder with its new vocabulary, and what both were made of."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=Path, required=True, help="what recipe.fetch wrote")
    parser.add_argument("--to", type=Path, required=True, help="folder of the prepared data")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--most", type=int, help="at most so many questions a source")
    args = parser.parse_args(arguments)
    args.to.mkdir(parents=True, exist_ok=True)
    sets, rng = training_sets(), random.Random(args.seed)
    start = args.to / "start"
    counts_file = start / "vocabulary.json"
    if not counts_file.exists():
        counts = write_start(french(sets, args.sources), start)
        counts_file.write_text(json.dumps(counts) + "\n", encoding="utf-8")
    vocabulary = json.loads(counts_file.read_text(encoding="utf-8"))
    print(vocabulary, flush=True)
    questions: dict[str, int] = {}
    with gzip.open(args.to / "groups.jsonl.gz", "wt", encoding="utf-8", compresslevel=3) as out:
        for row in _rows(sets, args.sources, rng, args.most):
            if row.source not in questions:
                print(questions, flush=True)
            questions[row.source] = questions.get(row.source, 0) + 1
            out.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
    unseen.write(args.sources, args.to / unseen.NAME, random.Random(args.seed))
    about = {"vocabulary": vocabulary, "questions": questions, "documentation": versions()}
    (args.to / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    print(questions, flush=True)


def french(sets: TrainingSets, sources: Path) -> dict[str, dict[str, list[str]]]:
    """Source -> article, sheet or package -> its French texts: what the vocabulary is made of."""
    texts: dict[str, dict[str, list[str]]] = {"piaf": {}, "services": {}, "descriptions": {}}
    for passage, title in sets.piaf_pool.items():
        texts["piaf"].setdefault(title, []).append(sets.piaf.passages[passage])
    for query in sets.piaf_train:
        title = sets.piaf.titles[next(iter(sets.piaf.qrels[query]))]
        texts["piaf"][title].append(sets.piaf.queries[query])
    for section in sections(sources):
        texts["services"].setdefault(section.sheet, []).extend((section.heading, section.text))
    for twin in descriptions(sources):
        texts["descriptions"].setdefault(twin.french[1], []).extend(twin.french)
    return texts


def _rows(sets: TrainingSets, sources: Path, rng: random.Random, most: int | None) -> Iterator[Row]:
    yield from islice(piaf(sets), most)
    yield from islice(services(sources, rng), most)
    yield from islice(epqa(sets), most)
    yield from functions(rng, most)
    yield from twins(sources, rng, most)


if __name__ == "__main__":
    main()
