"""The remote engine against a server on loopback: many documents at once, what stays behind, its own cost."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.clock import Race, interleaved
from benchmarks.endpoint import serving
from benchmarks.machine import Use, facts, watched
from benchmarks.report import Report, Table, Target
from benchmarks.texts import plain_passages
from pertinence import Reranker
from pertinence.remote.loop import running_tasks

__all__ = ["measure"]

ROUNDS = 30
DOCUMENTS = 1000
WORDS = 100
LIMIT = 32
CONCURRENCY = 8
LATENCY = 0.05
CALLS = 10_000
QUERY = "Quand faut-il remuer le compost ?"
TIMES_IDEAL = 1.3
OVERHEAD = 0.10
# What an allocator keeps for itself, in MB.
KEPT = 5.0


def measure(asked: argparse.Namespace) -> Report:
    """The three figures."""
    rounds = asked.rounds or ROUNDS
    texts = [f"{number} {text}" for number, text in enumerate(plain_passages(DOCUMENTS, WORDS))]
    ideal, seconds, use = _many(texts, rounds)
    left = _left_behind(texts[:4])
    race = _race(texts, rounds)
    times = race.times
    share = _share(race, "ours, one call", "bare, 8 at a time")
    added = (times["ours, call by call"].median - times["bare, one by one"].median) / -(-DOCUMENTS // LIMIT)
    median = statistics.median(seconds)
    return Report(
        name="remote",
        tables=[
            Table(
                title=f"{DOCUMENTS} documents of {WORDS} words, {LIMIT} a request",
                columns=("client", "median ms", "fastest to slowest"),
                rows=[
                    [
                        name,
                        f"{each.median * 1000:.1f}",
                        " to ".join(f"{value * 1000:.1f}" for value in each.spread),
                    ]
                    for name, each in times.items()
                ],
            ),
            Table(
                title=f"After {CALLS:,} requests",
                columns=("what", "before", "after", "when closed"),
                rows=[[name, *(f"{value:g}" for value in values)] for name, values in left.items()],
            ),
        ],
        targets=[
            Target(
                what=f"{DOCUMENTS} documents, {LATENCY * 1000:g} ms a request, {CONCURRENCY} at a time",
                wanted=f"<= {TIMES_IDEAL:g} x {ideal * 1000:.0f} ms",
                got=f"{median * 1000:.0f} ms, {median / ideal:.2f} x",
                met=median <= TIMES_IDEAL * ideal,
            ),
            *(
                Target(
                    what=f"{name} left behind by {CALLS:,} requests",
                    wanted="none" if name != "MB" else f"< {KEPT:g}",
                    got=f"{after - before:.3g}",
                    met=after - before <= (KEPT if name == "MB" else 0),
                )
                for name, (before, after, _) in left.items()
            ),
            Target(
                what="added to a bare httpx2 loop that sends the same requests",
                wanted=f"< {OVERHEAD:.0%}",
                got=f"{share:+.1%}",
                met=share < OVERHEAD,
            ),
        ],
        notes=[
            f"The server is a process of its own on loopback; {rounds} rounds after one that is not counted. "
            "Ideal is what the server's latency alone would take.",
            "The bare loop is `httpx2.AsyncClient.post` with the same bodies on one event loop, JSON written "
            "and read, over a server without latency; the share is the median of the rounds' own ratios.",
            f"Call by call, each `Reranker.score` adds {added * 1000:.2f} ms: checks, the way to the loop "
            "and back, and probabilities. That is not among the targets.",
            (use.told if (use.by_others or 0) > (race.use.by_others or 0) else race.use.told),
        ],
        figures={
            "machine": facts(),
            "many_seconds": seconds,
            "ideal_seconds": ideal,
            "left": left,
            "seconds": {name: each.seconds for name, each in times.items()},
            "added_share": share,
            "added_seconds_a_call": added,
            "taken_by_others": race.use.by_others,
        },
    )


def _many(texts: Sequence[str], rounds: int) -> tuple[float, list[float], Use]:
    """Ideal seconds, and those of each round, for all documents at once."""
    seconds = []
    with serving(LATENCY, LIMIT) as url, _reranker(url) as reranker, watched() as use:
        for _ in range(rounds + 1):
            start = time.perf_counter()
            reranker.score(QUERY, texts)
            seconds.append(time.perf_counter() - start)
    requests = -(-len(texts) // LIMIT)
    return -(-requests // CONCURRENCY) * LATENCY, seconds[1:], use


def _left_behind(texts: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Sockets, tasks and MB: after a thousand requests, after ten thousand more, and when all is closed."""
    with serving(0, LIMIT) as url:
        with _reranker(url) as reranker:
            for _ in range(CALLS // 10):
                reranker.score(QUERY, texts)
            before = _held()
            for _ in range(CALLS):
                reranker.score(QUERY, texts)
            after = _held()
        time.sleep(0.2)
        closed = _held()
    return {name: (before[name], after[name], closed[name]) for name in before}


def _held() -> dict[str, float]:
    gc.collect()
    links = (os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "sockets": sum(link.startswith("socket:") for link in links),
        "tasks": running_tasks(),
        "MB": pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000,
    }


def _race(texts: Sequence[str], rounds: int) -> Race:
    """Ours and bare loops in turns, over a server that answers at once."""
    pieces = [texts[first : first + LIMIT] for first in range(0, len(texts), LIMIT)]
    with serving(0, LIMIT) as url, _reranker(url) as reranker, _bare(url) as post:

        def call_by_call() -> None:
            for piece in pieces:
                reranker.score(QUERY, piece)

        return interleaved(
            {
                "bare, 8 at a time": lambda: post(pieces, CONCURRENCY),
                "ours, one call": lambda: reranker.score(QUERY, texts),
                "bare, one by one": lambda: post(pieces, 1),
                "ours, call by call": call_by_call,
            },
            rounds,
            warm_up=3,
        )


@contextmanager
def _bare(url: str) -> Iterator[Callable[[Sequence[Sequence[str]], int], None]]:
    """What anyone would write with httpx2: post, raise, read."""
    with asyncio.Runner() as runner:
        client = httpx2.AsyncClient()

        async def post(pieces: Sequence[Sequence[str]], concurrency: int) -> None:
            free = asyncio.Semaphore(concurrency)

            async def one(piece: Sequence[str]) -> list[float]:
                body = {"query": QUERY, "texts": piece, "raw_scores": True, "truncate": True}
                async with free:
                    answer = await client.post(f"{url}/rerank", json=body)
                answer.raise_for_status()
                scores = [0.0] * len(piece)
                for row in answer.json():
                    scores[row["index"]] = row["score"]
                return scores

            if concurrency == 1:
                for piece in pieces:
                    await one(piece)
            else:
                await asyncio.gather(*(one(piece) for piece in pieces))

        yield lambda pieces, concurrency: runner.run(post(pieces, concurrency))
        runner.run(client.aclose())


def _reranker(url: str) -> Reranker:
    return Reranker(base_url=url, dialect="tei", concurrency=CONCURRENCY)


def _share(race: Race, ours: str, bare: str) -> float:
    """How much longer ours takes, as a share of the bare loop."""
    ratios = race.times[bare].ratios(race.times[ours])
    return statistics.median(ratios) - 1
