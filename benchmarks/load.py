"""Many callers at once on one loaded model: throughput, waiting, short calls beside a long one, memory."""

from __future__ import annotations

import argparse
import asyncio
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.clock import Race, Times, taking_turns
from benchmarks.crowd import Crowd, percentile
from benchmarks.machine import cores, facts, wait_until_quiet
from benchmarks.models import DEFAULT, own_cache, prepared
from benchmarks.report import Report, Table, Target
from benchmarks.texts import mixed, plain_passages
from pertinence import Reranker
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options

__all__ = ["measure"]

# How many callers, how many calls each makes, one after the other, and whether they are tasks or threads.
CROWDS = (
    (1, 16, False),
    (8, 4, False),
    (8, 4, True),
    (32, 2, False),
    (32, 2, True),
    (128, 1, False),
    (128, 1, True),
)
DOCUMENTS = 20
ONE_CALL = 640
ROUNDS = 3
LONG = 10_000
BESIDE = 12
CALLS = 10_000
STRETCH = 1_000
SHORT_CALL = 3
THREADS = 8
BYTES = 20_000_000
MANY = 32
ONE = f"one call of {ONE_CALL}"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Seconds of short calls, one after the other, with nobody else there and beside a long one."""

    alone: Sequence[float]
    beside: Sequence[float]

    @property
    def of_fair(self) -> float:
        """The 95th percentile beside a long call, as a multiple of half the model's time."""
        return percentile(self.beside, 0.95) / (2 * median(self.alone))


def measure(asked: argparse.Namespace) -> Report:
    """Every crowd in turns with one long call; then short calls beside a long one; then memory."""
    wait = None if asked.anyway else partial(wait_until_quiet, asked.patience * 60)
    rounds = asked.rounds or ROUNDS
    crowds = [
        Crowd(callers=callers, calls=calls, documents_each=DOCUMENTS, tasks=tasks)
        for callers, calls, tasks in CROWDS
    ]
    with own_cache(), prepared((asked.models or [DEFAULT])[0]) as model:
        options = Options(model=model.ours, device="cpu", local_files_only=True)
        with Reranker.from_options(options) as reranker:
            reranker.warm_up()
            query, texts = mixed(model.tokenizer, max(each.documents for each in crowds)).queries[0]
            one = partial(_one_call, reranker, query, texts[:ONE_CALL])
            runs = {each.name: partial(each.run, reranker, query, texts) for each in crowds}
            race = taking_turns({ONE: one, **runs}, rounds, wait=wait)
            for crowd in crowds:
                del crowd.waits[0]  # of the round that does not count
            beside = asyncio.run(_short_beside_long(reranker, query, texts))
            held = _held(reranker, query)
        how = f"{model.name} on {resolve(options).backend} in {resolve(options).dtype}"
    return _report(race, crowds, beside, held, rounds, how)


def _one_call(reranker: Reranker, query: str, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    reranker.rank(query, texts)
    return time.perf_counter() - start


async def _short_beside_long(reranker: Reranker, query: str, texts: Sequence[str]) -> Beside:
    async def waits() -> list[float]:
        seconds: list[float] = []
        for place in range(BESIDE):
            start = time.perf_counter()
            await reranker.arank(query, texts[place * DOCUMENTS :][:DOCUMENTS])
            seconds.append(time.perf_counter() - start)
        return seconds

    alone = await waits()
    many = [f"{number} {texts[number % len(texts)]}" for number in range(LONG)]
    long = asyncio.create_task(reranker.arank(query, many))
    # It has begun to run; most of it is not even tokenised.
    await asyncio.sleep(alone[0])
    beside = await waits()
    long.cancel()
    await asyncio.wait([long])
    return Beside(alone=alone, beside=beside)


def _held(reranker: Reranker, query: str) -> list[int]:
    """Bytes that this process holds after each stretch of short calls, the first of which warms up."""
    texts = plain_passages(SHORT_CALL * STRETCH, 8)

    def call(first: int) -> None:
        for place in range(first, STRETCH, THREADS):
            reranker.rank(query, [f"{place} {text}" for text in texts[place:][:SHORT_CALL]])

    held: list[int] = []
    for _ in range(1 + CALLS // STRETCH):
        threads = [threading.Thread(target=call, args=(first,)) for first in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        held.append(_resident())
    return held


def _resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _report(
    race: Race, crowds: Sequence[Crowd], beside: Beside, held: Sequence[int], rounds: int, how: str
) -> Report:
    one = race.times[ONE]
    rates = {each.name: _rate(each, race.times) for each in crowds}
    fair = {each.name: each.p95 * ONE_CALL / (each.callers * DOCUMENTS * one.median) for each in crowds}
    growth = held[-1] - held[0]
    return Report(
        name="load",
        tables=[
            Table(
                title=f"Callers of {DOCUMENTS} documents each, beside {ONE}",
                columns=(
                    "callers",
                    "calls of each",
                    "documents/s",
                    "of one call",
                    "p95 wait, ms",
                    "of fair share",
                ),
                rows=[
                    [ONE, "1", f"{ONE_CALL / one.median:.1f}", "100.0%", "", ""],
                    *(
                        [
                            each.name,
                            str(each.calls),
                            f"{each.documents / race.times[each.name].median:.1f}",
                            f"{rates[each.name]:.1%}",
                            f"{each.p95 * 1000:,.0f}",
                            f"{fair[each.name]:.2f}",
                        ]
                        for each in crowds
                    ),
                ],
            ),
            Table(
                title=f"{BESIDE} calls of {DOCUMENTS} documents, one after the other",
                columns=("with", "median ms", "p95 ms", "p95 of fair share"),
                rows=[
                    ["nobody else", *_waits(beside.alone), ""],
                    [f"one call of {LONG:,} documents", *_waits(beside.beside), f"{beside.of_fair:.2f}"],
                ],
            ),
            Table(
                title=f"Memory over {CALLS:,} calls of {SHORT_CALL} short documents from {THREADS} threads",
                columns=("after warming up, MB", "at the end, MB", "most, MB", "growth, MB"),
                rows=[[f"{each / 1e6:,.1f}" for each in (held[0], held[-1], max(held), growth)]],
                words=0,
            ),
        ],
        targets=[
            *(
                Target(
                    what=f"{each.name}: documents/s of one call",
                    wanted=">= 95%",
                    got=f"{rates[each.name]:.1%}",
                    met=rates[each.name] >= 0.95,
                )
                for each in crowds
                if each.callers == MANY
            ),
            *(
                Target(
                    what=f"{each.name}: p95 wait, of the fair share",
                    wanted="<= 2.0",
                    got=f"{fair[each.name]:.2f}",
                    met=fair[each.name] <= 2,
                )
                for each in crowds
                if each.callers == MANY
            ),
            Target(
                what="short calls beside a long one: p95 wait, of the fair share",
                wanted="<= 2.0",
                got=f"{beside.of_fair:.2f}",
                met=beside.of_fair <= 2,
            ),
            Target(
                what=f"memory held after {CALLS:,} calls more",
                wanted=f"< {BYTES / 1e6:.0f} MB",
                got=f"{growth / 1e6:.1f} MB",
                met=growth < BYTES,
            ),
        ],
        notes=list(_notes(rounds, how, race)),
        figures={
            "machine": facts(),
            "how": how,
            "seconds": {name: times.seconds for name, times in race.times.items()},
            "waits": {each.name: each.waits for each in crowds},
            "of_one_call": rates,
            "p95_of_fair_share": fair,
            "alone": beside.alone,
            "beside": beside.beside,
            "held": held,
            "taken_by_others": race.use.by_others,
        },
    )


def _rate(crowd: Crowd, times: Mapping[str, Times]) -> float:
    """Documents a second, as a share of those of one call: the median of the rounds' own shares."""
    return median(times[crowd.name].ratios(times[ONE])) * crowd.documents / ONE_CALL


def _waits(seconds: Sequence[float]) -> list[str]:
    return [f"{value * 1000:,.0f}" for value in (median(seconds), percentile(seconds, 0.95))]


def _notes(rounds: int, how: str, race: Race) -> Iterator[str]:
    yield (
        f"{how}; pairs of the length mix, all different, the same for every line. Medians of {rounds} rounds "
        "after one that is not counted, the lines taking turns."
    )
    yield (
        "All callers begin at once, and each waits for an answer before it calls again. Fair share: as long "
        f"as the documents of one call take at the rate of {ONE}, times the callers; beside a long call, "
        "twice the median with nobody else."
    )
    yield f"Threads of the model: {cores()}."
    yield race.use.told
