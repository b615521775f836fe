"""One copy of a model, however many hold it; none when nobody does."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pertinence import Reranker
from pertinence.local.serving.pool import acquire, loaded
from pertinence.local.serving.reranker_model import RerankerModel
from pertinence.options import Options
from support.waiting import HANGS


@pytest.fixture
def tiny(model_folder: Callable[[str], Path], tmp_path: Path) -> str:
    """A path to the model that no other test uses, so that it is loaded here alone."""
    link = tmp_path / "own"
    link.mkdir()
    for file in model_folder("tiny").iterdir():
        (link / file.name).symlink_to(file)
    return str(link)


def test_two_rerankers_of_one_model_share_it(tiny: str) -> None:
    first = acquire(Options(model=tiny), RerankerModel)
    # Another spelling of the folder and other options of a single call: the same model.
    options = Options(model=f"{tiny}/../own", top_k=3, max_length=64, query_prefix="q: ")
    second = acquire(options, RerankerModel)
    other = acquire(Options(model=tiny, backend="onnx"), RerankerModel)
    try:
        assert first.model is second.model
        assert first.model is not other.model
    finally:
        for lease in (first, second, other):
            lease.release()
    assert tiny not in loaded()


def test_the_model_goes_with_its_last_holder(tiny: str) -> None:
    first, second = Reranker(tiny), Reranker(tiny)
    first.rank("query", ["text"])
    second.rank("query", ["text"])
    first.close()
    assert tiny in loaded()
    second.close()
    assert tiny not in loaded()


def test_a_reranker_that_is_dropped_gives_its_model_back(tiny: str) -> None:
    reranker = Reranker(tiny)
    reranker.rank("query", ["text"])
    assert tiny in loaded()
    del reranker
    gc.collect()
    deadline = time.monotonic() + HANGS
    while tiny in loaded() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tiny not in loaded()


def test_a_second_reranker_after_the_first_loads_anew(tiny: str) -> None:
    for _ in range(2):
        with Reranker(tiny) as reranker:
            assert len(reranker.rank("query", ["text"])) == 1


DROPPED_AT_THE_END = """
import time
from pertinence import Reranker
from pertinence.local.serving.reranker_model import RerankerModel

unload = RerankerModel.unload

def slowly(model, worker=0):
    time.sleep(0.5)
    unload(model, worker)
    print("unloaded", flush=True)

RerankerModel.unload = slowly
Reranker().rank("question", ["answer"])
"""


def test_a_process_does_not_end_while_a_model_that_was_dropped_is_still_unloaded() -> None:
    """A thread that comes back from a runtime to no interpreter would abort it."""
    command = [sys.executable, "-c", DROPPED_AT_THE_END]
    answer = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (answer.returncode, answer.stdout) == (0, "unloaded\n"), answer.stderr
