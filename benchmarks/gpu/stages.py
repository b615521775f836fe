"""What is measured, stage by stage; all contenders in one process, one after the other."""

from __future__ import annotations

import argparse
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.contenders import Contender, contenders, tidy
from benchmarks.gpu.report import Report
from benchmarks.gpu.workload import MODELS, Texts, made
from pertinence.agreement import kendall_tau, max_drift

__all__ = ["STAGES", "Bench"]

_FASTEST_PEER = "st fastest"
# What takes so long is not run again to see whether it can be done faster.
_LONG_SECONDS = 20


class Bench:
    """What the stages share.

    Attributes:
        arguments: of the command line.
        peak: the device's bfloat16 matrix product, in operations a second; 0 if it was not measured.
    """

    def __init__(self, arguments: argparse.Namespace, folder: Path, report: Report, start: float) -> None:
        self.arguments = arguments
        self.report = report
        self.peak = 0.0
        self._folder = folder
        self._start = start

    def run(self, stage: str) -> None:
        """One stage; what fails in it is noted, and the next one has its turn."""
        try:
            STAGES[stage](self)
        except Exception as error:
            self.report.note(f"{stage}: {type(error).__name__}: {error}")

    def models(self) -> Iterator[tuple[str, Path]]:
        """Names and folders, without those that cannot be made: a version of transformers may lack one."""
        for name in self.arguments.models:
            folder = self.made(name)
            if folder is not None:
                yield name, folder

    def made(self, name: str) -> Path | None:
        """The folder of a model, built on first use; None, and a note, where that is not possible."""
        try:
            return made(name, self._folder)
        except Exception as error:
            self.report.note(f"{name} cannot be made: {type(error).__name__}: {error}")
            return None

    def names(self, folder: Path, only: tuple[str, ...] = (), but: tuple[str, ...] = ()) -> Iterator[str]:
        """The contenders, while there is time."""
        for name in contenders(folder, self.arguments.device):
            if (only and name not in only) or name in but:
                continue
            if time.perf_counter() - self._start > self.arguments.seconds:
                self.report.note(f"{folder.name}, {name}: no time was left")
            else:
                yield name

    @contextmanager
    def opened(self, folder: Path, name: str) -> Iterator[Contender | None]:
        """A contender, or None where it cannot run; what fails is noted, and its memory is given back."""
        self._give_back(folder, name, tidy)
        try:
            contender = contenders(folder, self.arguments.device)[name]()
        except Exception as error:
            self.report.note(f"{folder.name}, {name}: {type(error).__name__}: {error}")
            yield None
            return
        try:
            yield contender
        except Exception as error:
            self.report.note(f"{folder.name}, {name}: {type(error).__name__}: {error}")
        finally:
            self._give_back(folder, name, contender.close)
            self._give_back(folder, name, tidy)

    def _give_back(self, folder: Path, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except RuntimeError as error:
            # What cannot be given back may still leave room for the next one.
            self.report.note(f"{folder.name}, {name}: no memory was given back: {error}")


def machine(bench: Bench) -> None:
    """What it runs on, and the peak of its bfloat16 matrix product."""
    import torch
    import transformers

    device = torch.device(bench.arguments.device)
    on_card = device.type == "cuda"
    size = 256 if bench.arguments.tiny else 8192
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        one @ other
    _wait()
    start = time.perf_counter()
    rounds = 20
    for _ in range(rounds):
        one @ other
    _wait()
    bench.peak = 2 * size**3 * rounds / (time.perf_counter() - start)
    bench.report.add(
        "machine",
        device=torch.cuda.get_device_name() if on_card else platform.processor() or platform.machine(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        bf16_tflops=bench.peak / 1e12,
    )


def throughput(bench: Bench) -> None:
    """Many pairs of one query at once: pairs a second, share of the peak, memory, drift and order.

    The share counts what each computes: ours leaves out all rows of the last layer but the first tokens'.
    """
    for model, folder in bench.models():
        texts = Texts(folder)
        passages, lengths = texts.mixed(bench.arguments.pairs)
        sizes = MODELS[model].sizes
        reference: np.ndarray[Any, Any] | None = None
        for name in bench.names(folder, but=("ours graphs",)):
            with bench.opened(folder, name) as contender:
                if contender is None:
                    continue
                contender.score(texts.query, passages[: max(24, len(passages) // 10)])
                _wait()
                seconds, logits = _timed(contender, texts.query, passages, rounds=2)
                reference = logits if reference is None else reference
                flops = sizes.flops(lengths) if contender.whole else sizes.least_flops(lengths)
                # float32 has a peak of its own.
                share = bench.peak and not name.endswith("float32")
                bench.report.add(
                    "throughput",
                    model=model,
                    who=name,
                    pairs_per_second=len(passages) / seconds,
                    tokens_per_second=sum(lengths) / seconds,
                    **({"share_of_bf16_peak": flops / seconds / bench.peak} if share else {}),
                    memory_mib=_memory(),
                    drift=max_drift(reference, logits),
                    spread=float(reference.std()),
                    tau_random_weights=kendall_tau(reference[:1000], logits[:1000]),
                    **contender.facts(),
                )


def latency(bench: Bench) -> None:
    """One query at a time, of 20 and of 100 passages: milliseconds, and drift from the first contender."""
    _one_by_one(bench, "latency", (20, 100), but=("ours graphs",))


def graphs(bench: Bench) -> None:
    """Queries whose passages fill a recorded shape well or badly, with and without CUDA graphs.

    The last stage: a recording that fails may leave torch's allocator stuck for the rest of the process.
    """
    _one_by_one(bench, "graphs", (20, 50, 90, 100), only=("ours bfloat16", "ours graphs"))


def _one_by_one(
    bench: Bench, stage: str, counts: tuple[int, ...], only: tuple[str, ...] = (), but: tuple[str, ...] = ()
) -> None:
    """Each is asked about other passages before the last time: what is recorded must not repeat itself."""
    for model, folder in bench.models():
        texts = Texts(folder, seed=1)
        asked = {count: (texts.mixed(count), texts.mixed(count)[0]) for count in counts}
        references: dict[int, np.ndarray[Any, Any]] = {}
        for name in bench.names(folder, only, but):
            with bench.opened(folder, name) as contender:
                if contender is None:
                    continue
                for count, ((passages, lengths), others) in asked.items():
                    taken = [
                        _timed(contender, texts.query, passages)[0]
                        for _ in range(bench.arguments.repeats + 3)
                    ][3:]
                    p50, p95 = np.percentile(taken, [50, 95]) * 1000
                    contender.score(texts.query, others)
                    logits = contender.score(texts.query, passages)
                    bench.report.add(
                        stage,
                        model=model,
                        who=name,
                        passages=count,
                        tokens=sum(lengths),
                        p50_ms=float(p50),
                        p95_ms=float(p95),
                        drift=max_drift(references.setdefault(count, logits), logits),
                        **contender.facts(),
                    )


def callers(bench: Bench) -> None:
    """64 threads of 20 passages each beside one call of them all."""
    count = 4 if bench.arguments.tiny else 64
    for model, folder in bench.models():
        texts = Texts(folder, seed=2)
        passages, _ = texts.mixed(20 * count)
        for name in bench.names(folder, ("ours bfloat16",)):
            with bench.opened(folder, name) as contender:
                if contender is None:
                    continue
                contender.score(texts.query, passages)
                whole = min(_timed(contender, texts.query, passages)[0] for _ in range(3))
                apart = min(_crowd(contender, texts.query, passages, count) for _ in range(3))
                bench.report.add(
                    "callers",
                    model=model,
                    who=name,
                    callers=count,
                    one_call_pairs_per_second=len(passages) / whole,
                    callers_pairs_per_second=len(passages) / apart,
                    share=whole / apart,
                )


def long(bench: Bench) -> None:
    """Documents as long as the GTE shape reads beside short ones: tokens a second.

    Where there is no GTE, of bge-reranker-v2-m3's shape, which reads as much.
    """
    tiny = bench.arguments.tiny
    for model in ("tiny",) if tiny else ("gte-base", "bge-m3"):
        folder = bench.made(model)
        if folder is None:
            continue
        texts = Texts(folder, seed=3)
        for name in bench.names(folder, (_FASTEST_PEER, "ours bfloat16")):
            with bench.opened(folder, name) as contender:
                if contender is None:
                    continue
                for length, count in ((64, 4), (256, 2)) if tiny else ((512, 1024), (8192, 64)):
                    passages, lengths = texts.of([length] * count)
                    contender.score(texts.query, passages[: max(1, count // 8)])
                    seconds, _ = _timed(contender, texts.query, passages, rounds=2)
                    bench.report.add(
                        "long",
                        model=model,
                        who=name,
                        tokens=length,
                        documents=count,
                        tokens_per_second=sum(lengths) / seconds,
                        memory_mib=_memory(),
                        **contender.facts(),
                    )
        return


STAGES: dict[str, Callable[[Bench], None]] = {
    "machine": machine,
    "throughput": throughput,
    "latency": latency,
    "callers": callers,
    "long": long,
    "graphs": graphs,
}


def _timed(
    contender: Contender, query: str, passages: list[str], rounds: int = 1
) -> tuple[float, np.ndarray[Any, Any]]:
    """The best of some rounds, in seconds, and the logits."""
    best = float("inf")
    logits: np.ndarray[Any, Any] = np.empty(0)
    for _ in range(rounds):
        start = time.perf_counter()
        logits = contender.score(query, passages)
        best = min(best, time.perf_counter() - start)
        if best > _LONG_SECONDS:
            break
    return best, logits


def _crowd(contender: Contender, query: str, passages: list[str], count: int) -> float:
    share = len(passages) // count
    ready = threading.Barrier(count + 1)

    def call(place: int) -> None:
        ready.wait()
        contender.score(query, passages[place * share : (place + 1) * share])

    threads = [threading.Thread(target=call, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    # Before the gate opens: this thread may be the last to go on.
    while ready.n_waiting < count:
        time.sleep(0.001)
    start = time.perf_counter()
    ready.wait()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def _wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _memory() -> float:
    import torch

    return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
