"""One model, however many components, pipelines and threads use it: a test counts what is loaded."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from haystack import Document, Pipeline

import pertinence_mini
from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence.local.serving.pool import loaded
from pertinence.local.serving.reranker_model import RerankerModel

THREADS = 4


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """The embedded model at a path that no other test uses, so that it is loaded here alone."""
    return str(shutil.copytree(pertinence_mini.folder(), tmp_path / "own"))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was loaded, in order: tokenizers and networks."""
    told: list[str] = []

    def counted(name: str) -> Any:
        real = getattr(RerankerModel, name)

        def load(self: RerankerModel, *args: Any) -> Any:
            told.append(name)
            return real(self, *args)

        return load

    for name in ("_read_tokenizer", "_open_backend"):
        monkeypatch.setattr(RerankerModel, name, counted(name))
    return told


ONE_LOAD = ["_read_tokenizer", "_open_backend"]


def test_four_threads_on_one_pipeline_load_one_model(
    folder: str, loads: list[str], documents: list[Document], query: str
) -> None:
    pipeline = Pipeline()
    pipeline.add_component("ranker", PertinenceRanker(model=folder))
    together = threading.Barrier(THREADS)

    def ask(_: int) -> list[tuple[str, float]]:
        together.wait()
        found = pipeline.run({"ranker": {"query": query, "documents": documents}})["ranker"]["documents"]
        return [(document.id, document.score) for document in found]

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(ask, range(THREADS)))
    assert all(
        [id for id, _ in answer] == [id for id, _ in answers[0]]
        and [score for _, score in answer] == pytest.approx([score for _, score in answers[0]], abs=1e-6)
        for answer in answers
    )
    assert sorted(loads) == sorted(ONE_LOAD)
    pipeline.close()


def test_two_pipelines_share_one_model_and_the_last_gives_it_back(
    folder: str, loads: list[str], documents: list[Document], query: str
) -> None:
    pipelines = [Pipeline(), Pipeline()]
    differences: list[dict[str, Any]] = [{"top_k": 1}, {"scale_score": False, "max_length": 64}]
    for pipeline, options in zip(pipelines, differences, strict=True):
        # A component belongs to one pipeline alone: it is the model that is shared.
        pipeline.add_component("ranker", PertinenceRanker(model=folder, **options))
        pipeline.run({"ranker": {"query": query, "documents": documents}})
    assert sorted(loads) == sorted(ONE_LOAD)
    assert loaded().count(folder) == 1
    for pipeline, left in zip(pipelines, (1, 0), strict=True):
        pipeline.close()
        assert loaded().count(folder) == left


def test_warming_up_twice_loads_once(folder: str, loads: list[str]) -> None:
    ranker = PertinenceRanker(model=folder)
    ranker.warm_up()
    ranker.warm_up()
    assert sorted(loads) == sorted(ONE_LOAD)
    ranker.close()


def test_making_writing_and_reading_a_component_loads_nothing(folder: str, loads: list[str]) -> None:
    pipeline = Pipeline()
    pipeline.add_component("ranker", PertinenceRanker(model=folder))
    Pipeline.loads(pipeline.dumps())
    assert loads == []
