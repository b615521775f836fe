"""Processors of this machine that a process may use, and the number of threads to run on them.

A matrix product needs one thread for each physical core. Two threads of one core share its arithmetic units.
Slow cores of a hybrid processor would delay the fast ones. A container's limit stops all threads once they
have used their share of time.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Cores", "cores", "usable_cores"]

_ROOT = Path("/")
# ARM systems rate their cores from 0 to 1024. Cores rated at least this fraction of the best count as fast.
_NEARLY = 0.9


@dataclass(frozen=True, kw_only=True)
class Cores:
    """Processors that a process may use.

    Attributes:
        logical: their numbers in the system.
        physical: number of physical cores that they belong to.
        fast: numbers of the processors on fast cores. The same as `logical` if all cores are alike.
        fast_physical: number of physical cores that the fast processors belong to.
        quota: limit of the container on processor time, in processors; None without a limit.
        nodes: number of NUMA nodes of the machine. Threads are not bound to one.
    """

    logical: tuple[int, ...]
    physical: int
    fast: tuple[int, ...]
    fast_physical: int
    quota: float | None = None
    nodes: int = 1

    @property
    def threads(self) -> int:
        """Number of threads for a runtime: one for each fast physical core, within the quota."""
        allowed = self.fast_physical if self.quota is None else min(self.fast_physical, round(self.quota))
        return max(1, allowed)

    @property
    def hybrid(self) -> bool:
        """True if some of the processors are slower than others."""
        return len(self.fast) < len(self.logical)

    @property
    def why(self) -> str:
        """Reason for the number of threads, as a text for users."""
        reasons = ["one for each physical core"]
        if self.hybrid:
            reasons = ["one for each performance core"]
        if self.quota is not None and round(self.quota) < self.fast_physical:
            reasons.append(f"within the container's limit of {self.quota:g}")
        if self.nodes > 1:
            reasons.append(f"not bound to any of {self.nodes} NUMA nodes")
        return ", ".join(reasons)


def usable_cores() -> int:
    """Count the threads that a runtime should use."""
    return cores().threads


def cores(root: Path = _ROOT) -> Cores:
    """Describe the processors that this process may use.

    Args:
        root: folder that contains the system's `proc` and `sys`.
    """
    # The processors and the limit of a process can change while it runs, so only the layout is cached.
    allowed = _allowed()
    siblings, fast, nodes = _layout(root, allowed)
    return Cores(
        logical=allowed,
        physical=len({siblings[number] for number in allowed}),
        fast=fast,
        fast_physical=len({siblings[number] for number in fast}),
        quota=_quota(root),
        nodes=nodes,
    )


def _allowed() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


@functools.cache
def _layout(root: Path, allowed: tuple[int, ...]) -> tuple[dict[int, str], tuple[int, ...], int]:
    """Return each processor's physical core, the processors on fast cores, and the number of NUMA nodes."""
    system = root / "sys/devices/system"
    siblings = {
        number: _text(system / f"cpu/cpu{number}/topology/thread_siblings_list") or str(number)
        for number in allowed
    }
    nodes = sum(1 for folder in _listed(system / "node") if folder.name.removeprefix("node").isdigit())
    return siblings, _fast(root, allowed) or allowed, max(1, nodes)


def _fast(root: Path, allowed: Iterable[int]) -> tuple[int, ...]:
    """Return the processors on performance cores; empty if the system does not report them."""
    # Hybrid processors of Intel.
    named = set(_numbers(_text(root / "sys/devices/cpu_core/cpus")))
    if named:
        return tuple(number for number in allowed if number in named)
    # ARM processors.
    rated = {
        number: int(text)
        for number in allowed
        if (text := _text(root / f"sys/devices/system/cpu/cpu{number}/cpu_capacity")).isdigit()
    }
    best = max(rated.values(), default=0)
    return tuple(number for number, capacity in rated.items() if capacity >= best * _NEARLY)


def _quota(root: Path) -> float | None:
    """Return the tightest limit of this process's control groups, in processors; None without a limit."""
    limits = [limit for limit in _limits(root) if limit > 0]
    return min(limits, default=None)


def _limits(root: Path) -> Iterator[float]:
    mounted = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, named = line.partition(":")
        controllers, _, path = named.partition(":")
        if not controllers:
            for folder in _upwards(mounted, path):
                # Quota and period in microseconds: "150000 100000", or "max 100000" without a limit.
                quota, _, period = _text(folder / "cpu.max").partition(" ")
                yield _ratio(quota, period)
        elif "cpu" in controllers.split(","):
            for controller in (controllers, "cpu"):
                for folder in _upwards(mounted / controller, path):
                    yield _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _upwards(mounted: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a control group, then the folders that contain it, up to the root."""
    # A container may see its own group as the whole tree, so the root is always included.
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    for length in range(len(parts), -1, -1):
        yield mounted.joinpath(*parts[:length])


def _ratio(quota: str, period: str) -> float:
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else 0.0


def _numbers(text: str) -> Iterator[int]:
    """Yield the numbers in a list such as `0-3,8`."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            yield from range(int(first), int(last or first) + 1)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
