"""What this machine has besides its CPU, told without importing a runtime."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["accelerator", "usable_cores"]

_NVIDIA = Path("/proc/driver/nvidia/version")


def accelerator() -> str | None:
    """`cuda` or `mps` if the torch that is installed could use one here, else None.

    A guess from what lies about: the driver's own file, the name of torch's build, the processor. Only the
    torch backend knows for certain, and it takes the CPU where the guess was wrong.
    """
    try:
        build = version("torch").partition("+")[2]
    except PackageNotFoundError:
        return None
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return "cuda" if build != "cpu" and _NVIDIA.exists() and not hidden else None


def usable_cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
