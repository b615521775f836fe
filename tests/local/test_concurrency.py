"""Many threads, many tasks, cancellation and closing: the scheduler under its callers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pertinence import ClosedError, Reranker
from pertinence.local.serving.scorer import LocalScorer
from pertinence.options import Options
from support.texts import QUERY, passages
from support.waiting import HANGS

LISTS = [passages(20, seed=seed, longest=120) for seed in range(64)]


@pytest.fixture(scope="module")
def tiny(model_folder: Callable[[str], Path]) -> Path:
    return model_folder("tiny")


@pytest.fixture
def reranker(tiny: Path) -> Iterator[Reranker]:
    with Reranker(tiny, backend="onnx") as opened:
        opened.warm_up()
        yield opened


@pytest.fixture
def scorer(tiny: Path) -> Iterator[LocalScorer]:
    opened = LocalScorer(Options(model=str(tiny), backend="onnx"))
    opened.warm_up().result()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sequential(tiny: Path) -> list[np.ndarray]:
    with Reranker(tiny, backend="onnx") as opened:
        return [opened.score(QUERY, texts) for texts in LISTS]


def test_eight_threads_give_the_scores_of_sequential_calls(
    reranker: Reranker, sequential: list[np.ndarray]
) -> None:
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda texts: reranker.score(QUERY, texts), LISTS))
    for got, expected in zip(together, sequential, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


async def test_sixty_four_tasks_give_the_scores_of_sequential_calls(
    reranker: Reranker, sequential: list[np.ndarray]
) -> None:
    together = await asyncio.gather(*(reranker.ascore(QUERY, texts) for texts in LISTS))
    for got, expected in zip(together, sequential, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_several_event_loops_share_one_reranker(reranker: Reranker, sequential: list[np.ndarray]) -> None:
    with ThreadPoolExecutor(4) as threads:
        loops = threads.map(lambda texts: asyncio.run(reranker.ascore(QUERY, texts)), LISTS[:16])
        for got, expected in zip(loops, sequential[:16], strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-6)


def test_many_queries_at_once_rank_as_one_by_one(reranker: Reranker) -> None:
    many = reranker.rank_many([QUERY] * 8, LISTS[:8], top_k=5)
    for ranking, texts in zip(many, LISTS[:8], strict=True):
        alone = reranker.rank(QUERY, texts, top_k=5)
        assert [item.index for item in ranking] == [item.index for item in alone]


async def test_the_event_loop_stays_free_while_ten_thousand_passages_are_queued(reranker: Reranker) -> None:
    beats = 0

    async def heartbeat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)
            beats += 1

    heart = asyncio.create_task(heartbeat())
    texts = [f"{number} {text}" for number, text in enumerate(passages(10_000, longest=60))]
    work = asyncio.create_task(reranker.arank(QUERY, texts))
    await asyncio.wait([work], timeout=1.0)
    heart.cancel()
    # A blocked loop would not beat at all before the work is done.
    assert beats >= 20
    # A fast machine may be done by now.
    work.cancel()
    await asyncio.wait([work])


async def test_submitting_never_loads_the_model(tiny: Path) -> None:
    class Slow(LocalScorer):
        pass

    scorer = Slow(Options(model=str(tiny), backend="onnx", revision="apart"))
    model = scorer._lease.model
    loading = threading.Event()
    go = threading.Event()
    load = model.load

    def slow_load(worker: int) -> None:
        loading.set()
        go.wait()
        load(worker)

    model.load = slow_load  # type: ignore[method-assign]
    future = scorer.submit(QUERY, ["a passage"])
    assert await asyncio.to_thread(loading.wait, 10)
    assert not future.done()
    go.set()
    assert len((await asyncio.wrap_future(future)).values) == 1
    scorer.close()


async def test_the_pairs_of_a_cancelled_task_are_never_run(scorer: LocalScorer) -> None:
    reranker = Reranker.from_scorer(scorer)
    texts = [f"{number} {text}" for number, text in enumerate(passages(5_000, longest=80))]
    task = asyncio.create_task(reranker.arank(QUERY, texts))
    while scorer.rows_run == 0:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # One batch may be running; the next request must find the queue its own.
    await reranker.arank(QUERY, ["one more"])
    ran = scorer.rows_run
    assert ran < 2_500
    await asyncio.sleep(0.1)
    assert scorer.rows_run == ran


def test_a_cancelled_future_leaves_the_others_alone(scorer: LocalScorer) -> None:
    futures = [scorer.submit(QUERY, texts) for texts in LISTS]
    for future in futures[::2]:
        future.cancel()
    done = concurrent.futures.wait(futures, timeout=HANGS)
    assert not done.not_done
    assert all(len(future.result().values) == 20 for future in futures if not future.cancelled())
    assert len([future for future in futures if not future.cancelled()]) >= 32


def test_equal_documents_of_one_call_are_scored_once(scorer: LocalScorer) -> None:
    before = scorer.rows_run
    scores = scorer.submit(QUERY, ["the same", "another", "the same"] * 10).result()
    assert scorer.rows_run - before == 2
    assert scores.values[0] == scores.values[2] == scores.values[27]


def test_closing_answers_what_waits_and_says_so_afterwards(tiny: Path) -> None:
    reranker = Reranker(tiny, backend="onnx")
    scorer = LocalScorer(reranker.options)
    future = scorer.submit(QUERY, [f"{n} " * 50 for n in range(5_000)])
    scorer.close()
    with pytest.raises(ClosedError):
        future.result(timeout=HANGS)
    with pytest.raises(ClosedError):
        scorer.submit(QUERY, ["late"])
    reranker.close()
    with pytest.raises(ClosedError, match="closed"):
        reranker.rank(QUERY, ["late"])
    reranker.close()


def test_closing_one_of_two_rerankers_leaves_the_other_at_work(tiny: Path) -> None:
    first, second = (Reranker(tiny, backend="onnx") for _ in range(2))
    before = first.score(QUERY, LISTS[0])
    first.close()
    np.testing.assert_array_equal(second.score(QUERY, LISTS[0]), before)
    second.close()


def _score_in_child(reranker: Reranker, answers: multiprocessing.Queue[list[float]]) -> None:
    answers.put(reranker.score(QUERY, LISTS[0]).tolist())


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_child_scores_with_threads_of_its_own(
    reranker: Reranker, sequential: list[np.ndarray]
) -> None:
    reranker.score(QUERY, LISTS[0])
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[list[float]] = context.Queue()
    child = context.Process(target=_score_in_child, args=(reranker, answers), daemon=True)
    child.start()
    np.testing.assert_allclose(answers.get(timeout=HANGS), sequential[0], atol=1e-6)
    child.join(timeout=HANGS)
    assert child.exitcode == 0
