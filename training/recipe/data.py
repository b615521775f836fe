"""Read BEIR-style folders: corpus, queries, judgements and first-stage candidates."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_SHARE = 0.06


@dataclass(frozen=True, kw_only=True)
class Collection:
    """One retrieval set.

    Attributes:
        passages: passage id -> text, without its title.
        titles: passage id -> title, empty where the set has none.
        queries: query id -> text.
        qrels: query id -> passage id -> grade, of the split that was asked for.
        candidates: query id -> passage ids of the first stage, best first.
    """

    passages: dict[str, str]
    titles: dict[str, str]
    queries: dict[str, str]
    qrels: dict[str, dict[str, int]]
    candidates: dict[str, list[str]]


def data_folder() -> Path:
    """The folder that `PERTINENCE_DATA` names, or a clear exit."""
    value = os.environ.get("PERTINENCE_DATA")
    if not value:
        raise SystemExit("set PERTINENCE_DATA to the folder that holds piaf-fr and epqa-en")
    return Path(value)


def set_folder(name: str, prepared: Path) -> Path:
    """Where a set lies: among what `recipe.prepare` wrote, or in `PERTINENCE_DATA`."""
    own = prepared / name
    return own if own.is_dir() else data_folder() / name


def load(name: str, split: str) -> Collection:
    """Read a set of `PERTINENCE_DATA`."""
    return read(data_folder() / name, split)


def read(folder: Path, split: str) -> Collection:
    """Read one set with the judgements of one split (`train` or `dev`)."""
    passages: dict[str, str] = {}
    titles: dict[str, str] = {}
    for row in _jsonl(folder / "corpus.jsonl.gz"):
        titles[row["_id"]] = row.get("title") or ""
        passages[row["_id"]] = row["text"]
    qrels = judgements(folder, split)
    queries = {row["_id"]: row["text"] for row in _jsonl(folder / "queries.jsonl") if row["_id"] in qrels}
    candidates: dict[str, list[tuple[int, str]]] = {query: [] for query in queries}
    with gzip.open(folder / "bm25.trec.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            query, _, passage, rank, _, _ = line.split()
            if query in candidates:
                candidates[query].append((int(rank), passage))
    return Collection(
        passages=passages,
        titles=titles,
        queries=queries,
        qrels=qrels,
        candidates={query: [p for _, p in sorted(rows)] for query, rows in candidates.items()},
    )


def judgements(folder: Path, split: str) -> dict[str, dict[str, int]]:
    """Query id -> passage id -> grade, of one split of the set in a folder."""
    qrels: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / f"{split}.trec").read_text(encoding="utf-8").splitlines():
        query, _, passage, grade = line.split()
        qrels.setdefault(query, {})[passage] = int(grade)
    return qrels


def held_out(key: str) -> bool:
    """Whether nothing is learnt from an article, a question or a sheet: by a hash that no run can change."""
    return (zlib.crc32(key.encode("utf-8")) % 1000) < HELD_OUT_SHARE * 1000


def _jsonl(path: Path) -> Iterator[dict[str, str]]:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
