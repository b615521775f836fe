"""Small collections as files, and systems whose scores are the test's own."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pertinence.evaluation.checkpoint import Ranked
from pertinence.evaluation.systems import Kind
from pertinence.evaluation.tasks import Task

__all__ = ["Peer", "Scoring", "write_beir", "write_jsonl", "write_run"]

Score = Callable[[str, str], float]


def write_jsonl(file: Path, rows: Iterable[object]) -> Path:
    """JSON Lines; gzipped if the name says so."""
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


def write_run(file: Path, run: Mapping[str, Sequence[str]]) -> Path:
    """A run in TREC's form: passages by query, best first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "".join(
            f"{query} Q0 {passage} {rank} {len(passages) - rank} small\n"
            for query, passages in run.items()
            for rank, passage in enumerate(passages, start=1)
        ),
        encoding="utf-8",
    )
    return file


def write_beir(
    folder: Path,
    *,
    passages: Mapping[str, str],
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    run: Mapping[str, Sequence[str]] | None = None,
    split: str = "dev",
) -> Path:
    """A folder in BEIR's form."""
    write_jsonl(folder / "corpus.jsonl.gz", ({"_id": key, "text": text} for key, text in passages.items()))
    write_jsonl(folder / "queries.jsonl", ({"_id": key, "text": text} for key, text in queries.items()))
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "qrels" / f"{split}.trec").write_text(
        "".join(
            f"{query} 0 {passage} {grade}\n"
            for query, mine in qrels.items()
            for passage, grade in mine.items()
        ),
        encoding="utf-8",
    )
    if run is not None:
        write_run(folder / "bm25.trec", run)
    return folder


class Scoring:
    """A system over a function of query and passage.

    Attributes:
        ranked: ids of the queries that it ranked, in the order they came.
        most_at_once: how many it was asked to rank at the same time, at most.
    """

    kind: Kind = "reranker"

    def __init__(self, score: Score, name: str = "scoring", facts: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.ranked: list[str] = []
        self.warm_ups = 0
        self.closed = False
        self._score = score
        self._facts = dict(facts or {"fingerprint": name})
        self._lock = threading.Lock()

    def describe(self) -> dict[str, Any]:
        return self._facts

    def warm_up(self) -> None:
        self.warm_ups += 1

    def rank(self, task: Task) -> Ranked:
        with self._lock:
            self.ranked.append(task.query)
        scores = [self._score(task.text, text) for text in task.texts]
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        return Ranked(
            query=task.query,
            passages=tuple(task.passages[place] for place in order),
            scores=tuple(scores[place] for place in order),
        )

    def close(self) -> None:
        self.closed = True


class Peer:
    """What sentence-transformers' evaluator asks of a cross-encoder."""

    def __init__(self, scores: Mapping[tuple[str, str], float]) -> None:
        self._scores = scores
        self.model_card_data = self

    def set_evaluation_metrics(self, *_: Any) -> None:
        """Where a real model would write them into its card."""

    def predict(self, pairs: list[list[str]], **_: Any) -> np.ndarray:
        return np.array([self._scores[query, text] for query, text in pairs])
