"""Ranking many queries: a queue that is kept full and bounded, at next to no cost and in bounded memory."""

from __future__ import annotations

import math
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pertinence import Reranker
from pertinence.errors import InputError, ModelNotFoundError, ScoreError
from pertinence.evaluation import Collection, Evaluation, Plan, RerankerSystem, System
from pertinence.evaluation.checkpoint import Checkpoint, Ranked
from pertinence.evaluation.collection import Candidates, Run, TextsInMemory
from pertinence.evaluation.running import AHEAD, rank_all
from pertinence.evaluation.tasks import Task, Tasks
from pertinence.testing import FakeScorer
from support.evaluation import Scoring


def endless(count: int, candidates: int) -> Collection:
    """So many queries, whose candidates are made as they are read."""

    def read() -> Iterator[Candidates]:
        passages = tuple(f"p{n}" for n in range(candidates))
        return (Candidates(query=f"q{n}", passages=passages) for n in range(count))

    return Collection(
        name="made",
        digest="made",
        queries={f"q{n}": f"query {n}" for n in range(count)},
        qrels={f"q{n}": {f"p{n % candidates}": 1} for n in range(count)},
        corpus=TextsInMemory("made", {f"p{n}": f"passage {n}" for n in range(candidates)}),
        run=Run(name="made", digest="made", read=read),
    )


def quiet(system: str, done: int, total: int) -> None:
    """Watch nothing."""


def rank(collection: Collection, system: System, file: Path) -> list[Ranked]:
    assert collection.run is not None
    tasks = Tasks(collection, collection.run, Plan())
    with Checkpoint(file, {}).open() as checkpoint:
        rank_all(system, tasks, checkpoint, len(tasks.asked), quiet)
        return list(checkpoint)


def test_the_queue_is_kept_full_and_never_overfull(tmp_path: Path) -> None:
    running, most, lock = 0, 0, threading.Lock()

    class Busy(Scoring):
        def rank(self, task: Task) -> Ranked:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.002)
            with lock:
                running -= 1
            return super().rank(task)

    system = Busy(lambda query, text: 0.0)
    ranked = rank(endless(60, 3), system, tmp_path / "made.jsonl")
    assert most == AHEAD
    # What is written down comes in the order of the run, whichever query was done first.
    assert [each.query for each in ranked] == [f"q{n}" for n in range(60)]
    assert system.warm_ups == 1


def test_tasks_are_made_only_as_they_are_needed(tmp_path: Path) -> None:
    collection = endless(200, 3)
    assert collection.run is not None
    made = 0
    read = collection.run.read

    def counted() -> Iterator[Candidates]:
        nonlocal made
        for each in read():
            made += 1
            yield each

    class Watching(Scoring):
        def rank(self, task: Task) -> Ranked:
            assert made <= len(self.ranked) + 2 * AHEAD + 1
            return super().rank(task)

    run = Run(name="made", digest="made", read=counted)
    tasks = Tasks(collection, run, Plan())
    with Checkpoint(tmp_path / "made.jsonl", {}).open() as checkpoint:
        rank_all(Watching(lambda query, text: 0.0), tasks, checkpoint, 200, quiet)


def peak(queries: int, out: Path) -> int:
    """Bytes that ranking and measuring so many queries of 100 candidates take at most."""
    collection = endless(queries, 100)
    evaluation = Evaluation(
        collection=collection, plan=Plan(top=None, measures=("MRR@10",)), folder=out, runs=out / "runs"
    )
    system = Scoring(lambda query, text: float(len(text)))
    tracemalloc.start()
    try:
        evaluation.run([system])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_by_a_few_numbers_a_query_and_not_by_its_candidates(tmp_path: Path) -> None:
    peak(20, tmp_path / "first")  # what is imported and made once
    few, many = peak(100, tmp_path / "few"), peak(400, tmp_path / "many")
    of_a_ranking = 100 * (50 + 8 + 24)  # ids, references and scores, at the least
    assert (many - few) / 300 < of_a_ranking / 4


def test_evaluating_costs_next_to_nothing_over_scoring(tmp_path: Path) -> None:
    """In processor time, which a busy machine does not lengthen as it does a clock's."""
    collection = endless(40, 20)
    texts = [text for _, text in collection.corpus]
    asked: list[str] = []

    def score(query: str, text: str) -> float:
        asked.append(text)
        return float(len(text))

    bare = Reranker.from_scorer(FakeScorer(score))
    for query in collection.queries.values():
        bare.rank(query, texts)
    alone = len(asked)
    system = RerankerSystem.of("fake", Reranker.from_scorer(FakeScorer(score)))
    assert collection.run is not None
    start = time.process_time()
    rank(collection, system, tmp_path / "made.jsonl")
    # About .05 s here. A model that is worth evaluating takes a hundred times as long for 800 texts.
    assert time.process_time() - start < 1
    assert len(asked) == 2 * alone, "it scored a text twice, or left one out"


def test_an_error_stops_the_work_and_is_told(tmp_path: Path) -> None:
    def failing(query: str, text: str) -> float:
        raise RuntimeError(f"no {query}")

    with pytest.raises(RuntimeError, match="no query 0"):
        rank(endless(50, 2), Scoring(failing), tmp_path / "made.jsonl")


def test_a_score_that_is_none_is_told_with_its_query_and_its_place(tmp_path: Path) -> None:
    def score(query: str, text: str) -> float:
        return math.nan if (query, text) == ("query 7", "passage 1") else 1.0

    system = RerankerSystem.of("fake", Reranker.from_scorer(FakeScorer(score)))
    with pytest.raises(ScoreError, match=r"query 'q7': fake gave nan for document 1"):
        rank(endless(12, 3), system, tmp_path / "made.jsonl")


def test_a_model_that_is_missing_is_told_before_anything_is_ranked(
    collection: Collection, tmp_path: Path
) -> None:
    class Missing(Scoring):
        def describe(self) -> dict[str, Any]:
            raise ModelNotFoundError("nowhere")

    first, second = Scoring(lambda query, text: 0.0, "first"), Missing(lambda query, text: 0.0, "second")
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        Evaluation(collection=collection, plan=Plan(), folder=tmp_path).run([first, second])
    assert first.ranked == []


@pytest.mark.parametrize("names", [("same", "same"), ("bm25", "other"), ("a b", "a-b")])
def test_systems_of_one_name_are_refused(
    collection: Collection, tmp_path: Path, names: tuple[str, str]
) -> None:
    systems = [Scoring(lambda query, text: 0.0, name) for name in names]
    with pytest.raises(InputError, match="two systems are called"):
        Evaluation(collection=collection, plan=Plan(), folder=tmp_path).run(systems)
