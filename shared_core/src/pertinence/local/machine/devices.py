"""Where a model may run: what this machine has, what was asked for, and what follows (imports no runtime)."""

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

# What NVIDIA's driver leaves on Linux, under WSL and on Windows.
_NVIDIA = (
    Path("/proc/driver/nvidia/version"),
    Path("/usr/lib/wsl/lib/libcuda.so.1"),
    Path(os.environ.get("SYSTEMROOT", ""), "System32", "nvcuda.dll"),
)
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class Card:
    """A CUDA device.

    Attributes:
        name: as its driver names it.
        memory: bytes in all.
        capability: its generation, as (major, minor).
        bfloat16: whether it computes in it by itself.
    """

    name: str
    memory: int
    capability: tuple[int, int]
    bfloat16: bool


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the torch that is installed finds here.

    Attributes:
        cards: the CUDA devices, in their order.
        mps: whether it can use Apple's GPU.
        no_cuda: why there are no cards, where there are none.
    """

    cards: Sequence[Card] = ()
    mps: bool = False
    no_cuda: str = ""

    def __str__(self) -> str:
        cards = [f"cuda:{place} ({card.name})" for place, card in enumerate(self.cards)]
        why = [] if self.cards or not self.no_cuda else [f"no CUDA: {self.no_cuda}"]
        return "; ".join([", ".join(["cpu", *(["mps"] if self.mps else []), *cards]), *why])


def check_device(device: str) -> None:
    """Refuse what names no device.

    Raises:
        OptionError: it is none of `auto`, `cpu`, `mps`, `cuda` and `cuda:N`.
    """
    if not _DEVICE.fullmatch(device):
        raise OptionError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'; got {device!r}")


def devices_for(asked: str, found: Found) -> tuple[str, ...]:
    """The devices that a model goes to, each with a copy of its weights and a worker.

    `auto` is one device: the first card, else Apple's GPU, else the CPU. `cuda` is every card that the
    process may see (CUDA_VISIBLE_DEVICES), `cuda:N` is one of them.

    Raises:
        ModelError: what was asked for is not there; the message says what is.
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
    """What a network is computed in where `dtype` was asked for, and why if that is something else."""
    if dtype == "bfloat16" and card is not None and not card.bfloat16:
        return "float16", f"{card.name} does not compute in bfloat16"
    return dtype, ""


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
    return "cuda" if build != "cpu" and any(map(Path.exists, _NVIDIA)) and not hidden else None
