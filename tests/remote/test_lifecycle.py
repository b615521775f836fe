"""Loops, threads, forks, cancellation and closing: one background loop serves them all and leaves nothing."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from remote.servers.hostile import Hostile, always, hangs
from remote.servers.scoring import probability
from remote.servers.tei import Tei

from pertinence import ClosedError, Reranker
from pertinence.options import Options
from pertinence.remote.loop import running_tasks
from pertinence.remote.scorer import RemoteScorer
from support.waiting import HANGS

QUERY = "old mill river"
TEXTS = [f"text {number} of the mill" for number in range(80)]
GOOD = pytest.approx([probability(QUERY, text) for text in TEXTS], abs=1e-6)
SOON = HANGS


@pytest.fixture
def tei() -> Iterator[Tei]:
    with Tei() as server:
        yield server


@pytest.fixture
def silent() -> Iterator[Hostile]:
    """A server that takes requests and never answers."""
    with Hostile(always(hangs)) as server:
        yield server


def until(met: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    end = time.monotonic() + SOON
    while not met():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def sockets() -> int:
    """How many sockets this process has open."""
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return sum(link.startswith("socket:") for link in links)


def test_one_reranker_serves_several_event_loops_one_after_the_other(tei: Tei) -> None:
    with Reranker(base_url=tei.url, dialect="tei") as reranker:
        for _ in range(3):
            assert asyncio.run(reranker.ascore(QUERY, TEXTS)).tolist() == GOOD


def test_several_event_loops_at_once_and_threads_besides(tei: Tei) -> None:
    async def many() -> list[list[float]]:
        return [
            each.tolist() for each in await asyncio.gather(*(reranker.ascore(QUERY, TEXTS) for _ in range(5)))
        ]

    with Reranker(base_url=tei.url, dialect="tei") as reranker, ThreadPoolExecutor(8) as pool:
        looped = [pool.submit(lambda: asyncio.run(many())) for _ in range(4)]
        plain = [pool.submit(lambda: reranker.score(QUERY, TEXTS).tolist()) for _ in range(4)]
        assert all(scores == GOOD for future in looped for scores in future.result())
        assert all(future.result() == GOOD for future in plain)
    assert sum(thread.name == "pertinence-remote" for thread in threading.enumerate()) == 1


async def test_the_callers_loop_stays_free(silent: Hostile) -> None:
    async with Reranker(base_url=silent.url) as reranker:
        task = asyncio.create_task(reranker.arank(QUERY, TEXTS))
        while not silent.calls:
            await asyncio.sleep(0.005)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_synchronous_door_opens_inside_an_event_loop(tei: Tei) -> None:
    with Reranker(base_url=tei.url, dialect="tei") as reranker:
        assert reranker.score(QUERY, TEXTS).tolist() == GOOD


# Cancelling


def test_a_cancelled_future_ends_its_requests_and_frees_their_places(silent: Hostile) -> None:
    scorer = RemoteScorer(Options(base_url=silent.url, concurrency=1))
    first = scorer.submit(QUERY, TEXTS)
    second = scorer.submit(QUERY, ["another"])
    until(lambda: len(silent.calls) == 1)
    assert first.cancel()
    # The one place is free again: the second request is sent.
    until(lambda: len(silent.calls) == 2)
    assert second.cancel()
    until(lambda: running_tasks() == 0)
    assert wait([first, second], 0, FIRST_COMPLETED).not_done == set()
    scorer.close()


def test_a_cancelled_task_ends_its_requests(silent: Hostile) -> None:
    async def main() -> None:
        async with Reranker(base_url=silent.url) as reranker:
            tasks = [asyncio.create_task(reranker.arank(QUERY, TEXTS)) for _ in range(3)]
            while len(silent.calls) < 3:
                await asyncio.sleep(0.005)
            for task in tasks:
                task.cancel()
            assert await asyncio.gather(*tasks, return_exceptions=True) != []

    asyncio.run(main())
    until(lambda: running_tasks() == 0)


def test_a_future_that_is_cancelled_before_it_began_sends_nothing(tei: Tei) -> None:
    scorer = RemoteScorer(Options(base_url=tei.url, dialect="tei"))
    futures: list[Future[object]] = [scorer.submit(QUERY, TEXTS) for _ in range(20)]  # type: ignore[misc]
    cancelled = [future.cancel() for future in futures[1:]]
    assert futures[0].result(SOON)
    for future, was in zip(futures[1:], cancelled, strict=True):
        assert was == future.cancelled()
        if was:
            with pytest.raises(CancelledError):
                future.result()
    scorer.close()
    until(lambda: running_tasks() == 0)


# Closing


def test_closing_answers_those_who_wait(silent: Hostile) -> None:
    reranker = Reranker(base_url=silent.url)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(reranker.rank, QUERY, TEXTS) for _ in range(4)]
        until(lambda: len(silent.calls) == 4)
        reranker.close()
        for future in waiting:
            with pytest.raises(ClosedError):
                future.result(SOON)
    with pytest.raises(ClosedError):
        reranker.rank(QUERY, TEXTS)
    reranker.close()
    until(lambda: running_tasks() == 0)


def test_closing_one_of_two_leaves_the_other_at_work(tei: Tei) -> None:
    one, other = (Reranker(base_url=tei.url, dialect="tei") for _ in range(2))
    assert one.score(QUERY, TEXTS).tolist() == other.score(QUERY, TEXTS).tolist() == GOOD
    one.close()
    assert other.score(QUERY, TEXTS).tolist() == GOOD
    other.close()


def test_a_closed_reranker_leaves_no_socket_and_no_task(tei: Tei) -> None:
    before = sockets()
    with Reranker(base_url=tei.url, dialect="tei") as reranker:
        reranker.score(QUERY, TEXTS)
        background = 2  # what the loop wakes itself with
        assert sockets() > before
    until(lambda: running_tasks() == 0 and sockets() <= before + background)


def test_a_reranker_that_is_dropped_is_closed(tei: Tei) -> None:
    before = sockets()
    reranker = Reranker(base_url=tei.url, dialect="tei", concurrency=7)
    reranker.score(QUERY, TEXTS)
    assert sockets() > before
    del reranker
    gc.collect()
    until(lambda: running_tasks() == 0 and sockets() <= before + 2)


def test_many_calls_leave_nothing_behind(tei: Tei) -> None:
    with Reranker(base_url=tei.url, dialect="tei") as reranker:
        for _ in range(20):
            reranker.rank(QUERY, TEXTS[:4])
        gc.collect()
        tasks, opened, objects = running_tasks(), sockets(), len(gc.get_objects())
        tei.calls.clear()
        for _ in range(200):
            reranker.rank(QUERY, TEXTS[:4])
            tei.calls.clear()
        gc.collect()
        assert (running_tasks(), sockets()) == (tasks, opened)
        assert len(gc.get_objects()) < objects + 200


def test_a_copy_and_a_pickle_open_a_way_of_their_own(tei: Tei) -> None:
    with Reranker(base_url=tei.url, dialect="tei") as reranker:
        for other in (copy.copy(reranker), pickle.loads(pickle.dumps(reranker))):
            with other:
                assert other.score(QUERY, TEXTS).tolist() == GOOD
        assert reranker.score(QUERY, TEXTS).tolist() == GOOD


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_starts_anew_and_the_parent_goes_on(tei: Tei) -> None:
    with Reranker(base_url=tei.url, dialect="tei") as reranker:
        assert reranker.score(QUERY, TEXTS).tolist() == GOOD
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if reranker.score(QUERY, TEXTS).tolist() == GOOD else 2
            finally:
                os._exit(status)
        assert reranker.score(QUERY, TEXTS).tolist() == GOOD
        _, ended = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(ended) == 0
        assert reranker.score(QUERY, TEXTS).tolist() == GOOD


@pytest.mark.parametrize("how", ["closed", "left open", "while a request waits"])
def test_the_thread_ends_with_the_process_and_says_nothing(tei: Tei, silent: Hostile, how: str) -> None:
    script = f"""
from pertinence import Reranker
reranker = Reranker(base_url={tei.url!r}, dialect="tei")
reranker.score({QUERY!r}, ["a", "b"])
if {how!r} == "closed":
    reranker.close()
if {how!r} == "while a request waits":
    import threading, time
    from pertinence import ClosedError
    other = Reranker(base_url={silent.url!r})
    def ask():
        try:
            other.rank("q", ["a"])
        except ClosedError:
            print("told")
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    time.sleep(0.2)
"""
    ended = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", script],
        capture_output=True,
        encoding="utf-8",
        timeout=HANGS,
        cwd=Path(__file__).parent,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_importing_the_package_opens_no_thread_and_loads_no_http() -> None:
    script = (
        "import sys, threading\nfrom pertinence import Embedder, Reranker\nReranker()\n"
        "assert not {'httpx2', 'stamina'} & set(sys.modules), sys.modules.keys()\n"
        "assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=HANGS)
