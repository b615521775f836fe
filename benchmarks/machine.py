"""The machine that is measured on: what it is, and whether anybody else is using it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["BusyError", "Use", "cores", "facts", "wait_until_quiet", "watched"]

_STAT = Path("/proc/stat")
_LIBRARIES = (
    "haystack-ai",
    "langchain-classic",
    "llama-index-core",
    "numpy",
    "onnxruntime",
    "openvino",
    "sentence-transformers",
    "sentence-transformers-haystack",
    "tokenizers",
    "torch",
    "transformers",
)
_INSTRUCTIONS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "VNNI", "avx512_bf16": "bfloat16"}
_ANYWAY = "--anyway measures all the same"
# A tenth of one of two processors is what an idle system and this check itself take.
_MOST = 0.05


class BusyError(Exception):
    """Others are using the processors: what would be measured is them."""


@dataclass
class Use:
    """What was used of the processors while something was measured, in seconds of one processor.

    Attributes:
        total: what there was; 0 where the system does not tell.
        others: what was used by others than this process, its ended children and its workers.
    """

    total: float = 0.0
    others: float = 0.0

    def add(self, later: Use) -> None:
        """Take another stretch of time into account."""
        self.total += later.total
        self.others += later.others

    @property
    def by_others(self) -> float | None:
        """The share of the processors that others took, from 0 to 1; None if unknown."""
        return max(0.0, self.others / self.total) if self.total else None

    @property
    def quiet(self) -> bool:
        """Whether this was no more than an idle system takes."""
        return self.by_others is None or self.by_others <= _MOST

    @property
    def told(self) -> str:
        """One sentence for a report."""
        if self.by_others is None:
            return "Processor time taken by others meanwhile: unknown on this system."
        warning = "" if self.quiet else " MEASURE AGAIN: the machine was not quiet."
        return f"Processor time taken by others meanwhile: {self.by_others:.1%}.{warning}"


def wait_until_quiet(patience: float = 0.0) -> None:
    """Return when nobody else uses the processors.

    Args:
        patience: how many seconds to wait for that; 0 looks once.

    Raises:
        BusyError: it has not come to that.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return _refuse_if_busy()
        except BusyError:
            if time.monotonic() >= end:
                raise


def _refuse_if_busy(seconds: float = 1.0) -> None:
    """Watch the processors while this process sleeps.

    Raises:
        BusyError: others took more than a twentieth of their time.
    """
    with watched() as use:
        time.sleep(seconds)
    if use.by_others is None:
        # The load average lags a minute behind, but it is all that other systems tell.
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        if load > 0.5 * cores():
            raise BusyError(f"the load average is {load:.1f} on {cores()} processors ({_ANYWAY})")
    elif not use.quiet:
        raise BusyError(
            f"others took {use.by_others:.0%} of {cores()} processors over the last {seconds:g} s ({_ANYWAY})"
        )


@contextmanager
def watched(workers: Sequence[int] = ()) -> Iterator[Use]:
    """What the processors do while this is entered, known when it is left.

    Args:
        workers: ids of processes that are no others; they must live as long as this is entered.
    """
    use = Use()
    before = _times(workers)
    yield use
    after = _times(workers)
    if before is not None and after is not None:
        total, busy, own = (late - early for early, late in zip(before, after, strict=True))
        use.add(Use(total=total, others=busy - own))


def _times(workers: Sequence[int]) -> tuple[float, float, float] | None:
    """Seconds of all processors: in all, not idle (what a host took away included), and our own."""
    try:
        # user nice system idle iowait irq softirq steal; guests are counted in user and nice already.
        ticks = [int(each) for each in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
        working = sum(map(_ticks_of, workers))
    except OSError:
        return None
    second = os.sysconf("SC_CLK_TCK")
    own = os.times()
    return (
        sum(ticks) / second,
        (sum(ticks) - ticks[3] - ticks[4]) / second,
        own.user + own.system + own.children_user + own.children_system + working / second,
    )


def _ticks_of(process: int) -> int:
    """What a process and its ended children have used."""
    # Its name, in brackets, may hold blanks; the four figures come eleven fields after it.
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:15]))


def facts() -> dict[str, str]:
    """The processor, the system and the versions of what takes part."""
    found = {"processor": f"{_processor()}, {cores()} cores", "Python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """How many processors this process may use: as many threads as our onnxruntime backend takes."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    known = [name for flag, name in _INSTRUCTIONS.items() if flag in flags]
    return " with ".join(
        [names[0] if names else platform.machine(), ", ".join(known)] if known else names[:1]
    )
