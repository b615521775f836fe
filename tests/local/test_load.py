"""Under load: how many may wait, whom a long request holds up, what is left when a request ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pertinence import ClosedError, InputError, ModelError, OverloadedError, Reranker
from pertinence.local.batches.batching import Pair
from pertinence.local.serving.request import Request
from pertinence.local.serving.scheduler import Scheduler
from pertinence.local.serving.scorer import LocalScorer
from pertinence.options import Options
from support.letters import Letters, request
from support.texts import QUERY, passages
from support.waiting import HANGS


@pytest.fixture
def model() -> Letters:
    return Letters()


@pytest.fixture
def scheduler(model: Letters) -> Iterator[Scheduler]:
    opened = Scheduler(model, "letters")  # type: ignore[arg-type]
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tiny(model_folder: Callable[[str], Path]) -> Path:
    return model_folder("tiny")


class Gate:
    """A hook that stops whoever comes until it is told to let so many through."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._passes = threading.Semaphore(0)

    def __call__(self, *anything: object) -> None:
        self.reached.set()
        assert self._passes.acquire(timeout=HANGS)

    def let(self, count: int = 1) -> None:
        self._passes.release(count)

    def open(self) -> None:
        self.let(1_000_000)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    end = time.monotonic() + HANGS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


# A long request beside a short one


def test_a_short_request_is_answered_after_a_few_batches_of_a_long_one(
    scheduler: Scheduler, model: Letters
) -> None:
    model.before_run = gate = Gate()
    long = request(*(f"{number:030d}" for number in range(10_000)))
    scheduler.submit(long)
    assert gate.reached.wait(10)
    # 32 tokens a pair and 64 a batch: the long one has filled what may wait, and is not tokenised to its end.
    until(lambda: scheduler.waiting_tokens >= 262_144)
    assert not long.encoded

    short = request(*(f"short{number:025d}" for number in range(20)))
    before = len(model.runs)
    batches: list[int] = []
    short.future.add_done_callback(lambda _: batches.append(len(model.runs) - before))
    scheduler.submit(short)
    until(lambda: short.encoded)  # while the model is still at the batch that it was at
    assert len(model.runs) == before
    gate.open()
    assert short.future.result(timeout=HANGS) == [30.0] * 20
    # One that was running, ten of its own, and ten of the other's in between.
    assert batches[0] <= 21
    long.future.cancel()


def test_short_requests_that_keep_coming_do_not_hold_up_a_long_one(
    scheduler: Scheduler, model: Letters
) -> None:
    long = request(*(f"{number:030d}" for number in range(2_000)))
    scheduler.submit(long)
    while not long.future.done():
        short = request(*(f"short{number:025d}" for number in range(20)))
        scheduler.submit(short)
        short.future.result(timeout=HANGS)
    assert len(long.future.result()) == 2_000


# How many may wait


def test_a_call_that_would_make_too_many_wait_is_refused_and_told_how_many_do(
    scheduler: Scheduler, model: Letters
) -> None:
    model.before_run = gate = Gate()
    first = request("a", "b", "c")
    scheduler.submit(first, max_queued=5)
    told = "3 documents were refused: 3 wait for letters, and max_queued allows 5 in all"
    with pytest.raises(OverloadedError, match=f"^{told}$"):
        scheduler.submit(request("d", "e", "f"), max_queued=5)
    second = request("d", "e")
    scheduler.submit(second, max_queued=5)
    scheduler.submit(unlimited := request("f"))
    gate.open()
    for each in (first, second, unlimited):
        each.future.result(timeout=HANGS)
    until(lambda: scheduler.documents == 0)
    scheduler.submit(again := request("a", "b", "c", "d", "e"), max_queued=5)
    assert again.future.result(timeout=HANGS) == [1.0] * 5


def test_callers_of_one_model_are_counted_together_each_against_its_own_limit(tiny: Path) -> None:
    options = Options(model=str(tiny), backend="onnx", batch_tokens=77)
    patient, limited = LocalScorer(options), LocalScorer(options.with_(max_queued=10))
    texts = [f"{number} {text}" for number, text in enumerate(passages(2_000, longest=60))]
    future = patient.submit(QUERY, texts)
    with pytest.raises(OverloadedError, match="2,000 wait"):
        limited.submit(QUERY, ["one more"])
    assert len(patient.submit(QUERY, ["one more"]).result(timeout=HANGS).values) == 1
    future.cancel()
    assert len(limited.submit(QUERY, ["one more"]).result(timeout=HANGS).values) == 1
    patient.close()
    limited.close()


def test_when_one_of_many_queries_is_refused_none_of_them_is_left_waiting(tiny: Path) -> None:
    with Reranker(tiny, backend="onnx", max_queued=30) as reranker:
        lists = [passages(20, seed=seed, longest=40) for seed in range(3)]
        with pytest.raises(OverloadedError):
            reranker.rank_many([QUERY] * 3, lists)
        assert len(reranker.rank(QUERY, passages(30, longest=40))) == 30


async def test_a_refused_task_leaves_the_others_alone(tiny: Path) -> None:
    async with Reranker(tiny, backend="onnx", max_queued=50) as reranker:
        calls = [reranker.arank(QUERY, passages(20, seed=seed, longest=40)) for seed in range(4)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in answers[2:]] == [OverloadedError] * 2
        assert [len(each) for each in answers[:2] if not isinstance(each, BaseException)] == [20, 20]


# However a request ends

STAGES = ("loading", "tokenising", "half tokenised", "running", "half run")


def at_stage(stage: str, model: Letters, scheduler: Scheduler) -> tuple[Request[Any], Gate]:
    """A request that has come so far and is held there."""
    gate = Gate()
    hook = {"loading": "before_load", "tokenising": "before_encode", "half tokenised": "before_encode"}
    setattr(model, hook.get(stage, "before_run"), gate)
    if stage == "half tokenised":
        gate.let(200)
    if stage == "half run":
        gate.let(3)
    asked = request(*(f"{number:030d}" for number in range(300)))
    scheduler.submit(asked)
    assert gate.reached.wait(10)
    if stage == "half run":
        until(lambda: len(model.runs) == 3)
    if stage == "half tokenised":
        until(lambda: scheduler.waiting_tokens == 0 and len(model.runs) == 64)
    return asked, gate


@pytest.mark.parametrize("stage", STAGES)
def test_a_request_that_is_cancelled_leaves_nothing_behind(
    stage: str, scheduler: Scheduler, model: Letters
) -> None:
    asked, gate = at_stage(stage, model, scheduler)
    ran = len(model.runs)
    assert asked.future.cancel()
    assert (scheduler.documents, scheduler.waiting_tokens) == (0, 0)
    gate.open()
    scheduler.submit(after := request("after"))
    assert after.future.result(timeout=HANGS) == [5.0]
    # At most the batch that was running, and the one that answers the next request.
    assert len(model.runs) <= ran + 2
    assert (scheduler.documents, scheduler.waiting_tokens) == (0, 0)


def test_a_request_that_is_cancelled_before_its_turn_is_let_go_of_at_once_and_never_tokenised(
    scheduler: Scheduler, model: Letters
) -> None:
    read: list[str] = []
    model.before_load, model.before_encode = gate, _ = Gate(), read.append
    first, second = request("1"), request("2")
    scheduler.submit(first)
    scheduler.submit(second)
    assert gate.reached.wait(10)
    gone = weakref.ref(first)
    future = first.future
    del first
    future.cancel()
    assert gone() is None
    gate.open()
    assert second.future.result(timeout=HANGS) == [1.0]
    assert read == ["2"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_request_that_is_closed_upon_is_told_and_leaves_nothing_behind(
    stage: str, scheduler: Scheduler, model: Letters
) -> None:
    asked, gate = at_stage(stage, model, scheduler)
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    with pytest.raises(ClosedError):
        asked.future.result(timeout=HANGS)
    gate.open()
    closing.join(10)
    assert not closing.is_alive()
    assert model.unloaded.wait(10)
    assert (scheduler.documents, scheduler.waiting_tokens) == (0, 0)
    with pytest.raises(ClosedError):
        scheduler.submit(request("late"))


@pytest.mark.parametrize("hook", ["before_load", "before_encode", "before_run"])
def test_a_request_that_fails_is_counted_no_longer(hook: str, scheduler: Scheduler, model: Letters) -> None:
    def fail(*anything: object) -> None:
        raise RuntimeError("no")

    setattr(model, hook, fail)
    scheduler.submit(asked := request(*(f"{number:030d}" for number in range(300))))
    with pytest.raises(ModelError):
        asked.future.result(timeout=HANGS)
    until(lambda: (scheduler.documents, scheduler.waiting_tokens) == (0, 0))


def test_equal_texts_at_the_end_of_a_long_request_are_answered(scheduler: Scheduler, model: Letters) -> None:
    texts = [f"{number:04d}" for number in range(128)] + ["0000"] * 1_000 + ["the last", "0001"]
    scheduler.submit(asked := request(*texts))
    assert asked.future.result(timeout=HANGS) == [float(len(text)) for text in texts]
    assert sum(model.runs) == 129


# Many callers


def test_callers_who_come_and_go_as_they_like_get_their_own_scores(tiny: Path) -> None:
    lists = [passages(4 + 7 * (seed % 9), seed=seed, longest=60) for seed in range(64)]
    with Reranker(tiny, backend="onnx", batch_tokens=256) as reranker:
        alone = [reranker.score(QUERY, texts) for texts in lists]

        def in_a_thread(number: int) -> None:
            for place in range(number, len(lists), 8):
                np.testing.assert_allclose(reranker.score(QUERY, lists[place]), alone[place], atol=1e-6)

        async def in_a_loop(number: int) -> None:
            async def call(place: int) -> None:
                task = asyncio.create_task(reranker.ascore(QUERY, lists[place]))
                if place % 3 == 0:
                    await asyncio.sleep(0.0001 * place)
                    task.cancel()
                try:
                    np.testing.assert_allclose(await task, alone[place], atol=1e-6)
                except asyncio.CancelledError:
                    assert place % 3 == 0

            await asyncio.gather(*map(call, range(len(lists))))

        with ThreadPoolExecutor(12) as threads:
            done = [threads.submit(in_a_thread, number) for number in range(8)]
            done += [threads.submit(lambda: asyncio.run(in_a_loop(0))) for _ in range(4)]
            for each in done:
                each.result(timeout=HANGS)


def test_closing_while_many_call_answers_every_one_of_them(tiny: Path) -> None:
    reranker = Reranker(tiny, backend="onnx", batch_tokens=128)
    reranker.warm_up()
    told: list[type[BaseException] | None] = []

    def call() -> None:
        while True:
            try:
                reranker.rank(QUERY, passages(20, longest=60))
            except BaseException as error:
                told.append(type(error))
                return

    threads = [threading.Thread(target=call) for _ in range(32)]
    for thread in threads:
        thread.start()
    reranker.close()
    for thread in threads:
        thread.join(60)
    assert told == [ClosedError] * 32


# What is left behind


def alive(*kinds: type) -> int:
    return sum(issubclass(type(each), kinds) for each in gc.get_objects())


def test_hundreds_of_calls_leave_no_request_pair_or_future_even_to_the_collector(tiny: Path) -> None:
    with Reranker(tiny, backend="onnx") as reranker:
        scorer = LocalScorer(reranker.options)
        texts = passages(8, longest=30)
        reranker.rank(QUERY, texts)
        gc.collect()
        gc.disable()
        try:
            before = alive(Request, Pair, Future)
            for number in range(300):
                reranker.rank(f"{number} {QUERY}", texts)
                scorer.submit(QUERY, texts).cancel()
            scorer.submit(QUERY, texts).result(timeout=HANGS)
            until(lambda: alive(Request, Pair, Future) <= before)
        finally:
            gc.enable()
        scorer.close()


def test_hundreds_of_failures_leave_nothing_behind(tiny: Path) -> None:
    with Reranker(tiny, backend="onnx", truncation="only_second", max_length=16) as reranker:
        before = None
        for number in range(300):
            with pytest.raises(InputError, match="leaves no room"):
                reranker.rank(f"{number} {QUERY * 10}", ["a text"])
            if number == 10:
                gc.collect()
                before = alive(Request, Pair, Future)
        gc.collect()
        assert before is not None
        assert alive(Request, Pair, Future) <= before
