"""The scheduler over a model whose behaviour is the test's own: errors, fairness, memory, the end."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from pertinence import ClosedError, ModelError
from pertinence.local.batches.pair_tokens import PairLimits
from pertinence.local.serving.request import Counts, Request
from pertinence.local.serving.scheduler import Scheduler
from pertinence.scorer import Float32
from support.letters import Letters, request
from support.waiting import HANGS


@pytest.fixture
def model() -> Letters:
    return Letters()


@pytest.fixture
def scheduler(model: Letters) -> Iterator[Scheduler]:
    opened = Scheduler(model, "letters")  # type: ignore[arg-type]
    yield opened
    opened.close()


def test_each_text_gets_its_own_row(scheduler: Scheduler) -> None:
    asked = request("aaa", "a", "aa", "aaa")
    scheduler.submit(asked)
    assert asked.future.result(timeout=HANGS) == [3, 1, 2, 3]


class Panic(BaseException):
    """What foreign code may raise outside the hierarchy of exceptions."""


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), Panic("panicked")])
@pytest.mark.parametrize("where", ["before_run", "before_encode", "before_load"])
def test_an_unexpected_error_is_told_in_our_hierarchy_and_the_next_request_is_answered(
    scheduler: Scheduler, model: Letters, where: str, error: BaseException
) -> None:
    def fail(*anything: object) -> None:
        setattr(model, where, lambda *anything: None)
        raise error

    setattr(model, where, fail)
    first = request("a")
    scheduler.submit(first)
    with pytest.raises(ModelError, match=f"letters failed: {type(error).__name__}: {error}"):
        first.future.result(timeout=HANGS)
    second = request("aa")
    scheduler.submit(second)
    assert second.future.result(timeout=HANGS) == [2]


@pytest.mark.parametrize("where", ["batch_tokens", "accepts_packed", "max_in_flight"])
def test_an_error_between_batches_is_everybodys_answer_and_ends_no_thread(
    scheduler: Scheduler, model: Letters, where: str
) -> None:
    def fail(*anything: object) -> None:
        delattr(model, where)  # the class's own is back
        raise RuntimeError("no such device")

    setattr(model, where, fail)
    first = request("a")
    scheduler.submit(first)
    with pytest.raises(ModelError, match="letters failed: RuntimeError: no such device"):
        first.future.result(timeout=HANGS)
    second = request("aa")
    scheduler.submit(second)
    assert second.future.result(timeout=HANGS) == [2]


def test_an_answer_that_cannot_be_made_fails_its_request_alone(scheduler: Scheduler) -> None:
    def refuse(rows: Float32, counts: Counts) -> float:
        raise KeyError("made no sense")

    bad = Request(owner=None, query="q", texts=["a"], limits=PairLimits(), convert=refuse)
    good = request("a")
    scheduler.submit(bad)
    scheduler.submit(good)
    with pytest.raises(ModelError, match="made no sense"):
        bad.future.result(timeout=HANGS)
    assert good.future.result(timeout=HANGS) == [1]


def test_an_answered_future_keeps_neither_texts_nor_answerer_alive(scheduler: Scheduler) -> None:
    class Answerer:
        def convert(self, rows: Float32, counts: Counts) -> int:
            return len(rows)

    answerer = Answerer()
    gone = weakref.ref(answerer)
    asked = Request(owner=None, query="q", texts=["a"], limits=PairLimits(), convert=answerer.convert)
    scheduler.submit(asked)
    assert asked.future.result(timeout=HANGS) == 1
    gc.disable()
    try:
        del answerer
        assert gone() is None
    finally:
        gc.enable()


def test_closing_does_not_wait_for_a_model_that_is_still_loading(model: Letters) -> None:
    scheduler = Scheduler(model, "letters")  # type: ignore[arg-type]
    loading, go = threading.Event(), threading.Event()

    def slow() -> None:
        loading.set()
        go.wait(30)

    model.before_load = slow
    asked = request("a")
    scheduler.submit(asked)
    assert loading.wait(10)
    scheduler.close()
    assert not go.is_set()
    with pytest.raises(ClosedError):
        asked.future.result(timeout=1)
    go.set()
    assert model.unloaded.wait(10), "its own thread unloads it when it is there"


SCRIPTS = {
    "threads that still rank": """
import threading
from pertinence import Reranker
reranker = Reranker()
reranker.rank("question", ["answer"])
def forever():
    while True:
        try: reranker.rank("question", ["answer " * 50])
        except Exception: pass
for _ in range(3): threading.Thread(target=forever, daemon=True).start()
threading.Event().wait(0.3)
""",
    "work that is queued": """
from pertinence import Reranker
from pertinence.local.serving.scorer import LocalScorer
from pertinence.options import Options
LocalScorer(Options()).submit("question", [f"{n} " * 100 for n in range(5000)])
""",
}


@pytest.mark.parametrize("what", SCRIPTS)
def test_the_interpreter_ends_well_with(what: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPTS[what]],
        capture_output=True,
        encoding="utf-8",
        timeout=HANGS,
    )
    assert ended.returncode == 0, ended.stderr
