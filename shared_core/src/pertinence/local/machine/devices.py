"""Devices that a model can run on, chosen from the request and the machine (imports no runtime)."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, TypeVar

from pertinence.errors import ModelError, OptionError

__all__ = ["Card", "Found", "accelerator", "check_device", "devices_for", "precision_on"]

D = TypeVar("D", bound=str)

# Files that NVIDIA's driver creates on Linux, under WSL and on Windows.
_NVIDIA = (
    Path("/proc/driver/nvidia/version"),
    Path("/usr/lib/wsl/lib/libcuda.so.1"),
    Path(os.environ.get("SYSTEMROOT", ""), "System32", "nvcuda.dll"),
)
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class Card:
    """CUDA device.

    Attributes:
        name: name that its driver reports.
        memory: total memory in bytes.
        capability: its generation (compute capability), as (major, minor).
        bfloat16: True if the hardware itself computes in bfloat16.
    """

    name: str
    memory: int
    capability: tuple[int, int]
    bfloat16: bool


@dataclass(frozen=True, kw_only=True)
class Found:
    """Devices that the installed torch finds on this machine.

    Attributes:
        cards: the CUDA devices, in the order of their numbers.
        mps: True if torch can use Apple's GPU.
        no_cuda: reason why there are no CUDA devices, if there are none.
    """

    cards: Sequence[Card] = ()
    mps: bool = False
    no_cuda: str = ""

    def __str__(self) -> str:
        cards = [f"cuda:{place} ({card.name})" for place, card in enumerate(self.cards)]
        why = [] if self.cards or not self.no_cuda else [f"no CUDA: {self.no_cuda}"]
        return "; ".join([", ".join(["cpu", *(["mps"] if self.mps else []), *cards]), *why])


def check_device(device: str) -> None:
    """Check that `device` is a valid value of the option.

    Raises:
        OptionError: it is none of `auto`, `cpu`, `mps`, `cuda` and `cuda:N`.
    """
    if not _DEVICE.fullmatch(device):
        raise OptionError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'; got {device!r}")


def devices_for(asked: str, found: Found) -> tuple[str, ...]:
    """Return the devices that a model runs on. Each gets a copy of the weights and a worker.

    `auto` is one device: the first CUDA device, else Apple's GPU, else the CPU. `cuda` is every CUDA device
    that the process may see (CUDA_VISIBLE_DEVICES), `cuda:N` is one of them.

    Raises:
        ModelError: the requested device is not available; the message lists the devices that are.
    """
    check_device(asked)
    cards = tuple(f"cuda:{place}" for place in range(len(found.cards)))
    if asked == "auto":
        return cards[:1] or (("mps",) if found.mps else ("cpu",))
    if asked == "cpu" or (asked == "mps" and found.mps) or asked in cards:
        return (asked,)
    if asked == "cuda" and cards:
        return cards
    raise ModelError(f"device={asked!r} was asked for, and torch finds {found}")


def precision_on(dtype: D, card: Card | None) -> tuple[D | Literal["float16"], str]:
    """Return the precision to compute in if `dtype` is requested, and the reason if the two differ."""
    if dtype == "bfloat16" and card is not None and not card.bfloat16:
        return "float16", f"{card.name} does not compute in bfloat16"
    return dtype, ""


def accelerator() -> str | None:
    """Return `cuda` or `mps` if the installed torch could use one here, else None.

    This is a guess from the driver's files, the name of torch's build and the processor. Only the torch
    backend knows for certain. It uses the CPU if the guess was wrong.
    """
    try:
        build = version("torch").partition("+")[2]
    except PackageNotFoundError:
        return None
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return "cuda" if build != "cpu" and any(map(Path.exists, _NVIDIA)) and not hidden else None
