"""What the model itself mistakes for the answer: each question's wrong passages anew, the likeliest first.

    python -m recipe.mine --prepared runs/prepared --weights runs/first/final --to runs/mined.jsonl.gz

BM25's order knows shared words alone. What a first phase of training still puts before the answer is what a
second one has to learn from (Xiong et al. 2021, arXiv:2007.00808, mine with the model under training too).
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pertinence import Reranker

# People's questions with BM25's candidates; the others are graded, judged by the bi-encoder or made up.
SOURCES = ("piaf",)
DEPTH = 20
AT_ONCE = 64  # questions: short ones share batches


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the groups again; those of other sources as they were."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prepared", type=Path, required=True, help="what recipe.prepare wrote")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--to", type=Path, required=True, help="file of the groups (JSON Lines, gzipped)")
    parser.add_argument("--dtype", default="float32", help="precision of the model that judges")
    args = parser.parse_args(arguments)
    partial = args.to.with_suffix(".partial")
    with (
        gzip.open(args.prepared / "groups.jsonl.gz", "rt", encoding="utf-8") as lines,
        gzip.open(partial, "wt", encoding="utf-8") as out,
        Reranker(str(args.weights), dtype=args.dtype) as reranker,
    ):
        for rows in _portions([json.loads(line) for line in lines]):
            for row in mined(rows, reranker):
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    partial.replace(args.to)
    print(args.to)


def mined(rows: Sequence[dict[str, Any]], reranker: Reranker[str]) -> list[dict[str, Any]]:
    """The same rows, the wrong passages of `SOURCES` in the order of the model; beyond `DEPTH`, BM25's."""
    places = [_wrong(row) if row["source"] in SOURCES else [] for row in rows]
    texts = [[row["passages"][i] for i in wrong] for row, wrong in zip(rows, places, strict=True)]
    rankings = reranker.rank_many([row["query"] for row in rows], texts)
    return [
        _reordered(row, [wrong[result.index] for result in ranking], wrong)
        for row, wrong, ranking in zip(rows, places, rankings, strict=True)
    ]


def _wrong(row: dict[str, Any]) -> list[int]:
    return [i for i, worth in enumerate(row["worth"]) if worth == 0][:DEPTH]


def _reordered(row: dict[str, Any], order: Sequence[int], places: Sequence[int]) -> dict[str, Any]:
    moved = dict(zip(places, order, strict=True))
    taken = [moved.get(i, i) for i in range(len(row["worth"]))]
    names = ("passages", "worth", "titles") if row["titles"] else ("passages", "worth")
    return row | {name: [row[name][i] for i in taken] for name in names}


def _portions(rows: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


if __name__ == "__main__":
    main()
