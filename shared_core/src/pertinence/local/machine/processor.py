"""What computes on this machine, as far as it decides what a precision gives and costs."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Processor", "card", "processor"]

# What low precision is computed with, by the names of Linux: x86 first, then ARM.
_INSTRUCTIONS = (
    *("avx2", "fma", "f16c", "avx_ne_convert", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16"),
    *("avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"),
)
# Which of them a precision never computes with.
_FOREIGN: Mapping[str, frozenset[str]] = {
    "bfloat16": frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "amx_fp16", "asimddp", "i8mm"}),
    "int8": frozenset(
        {"avx_ne_convert", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16", "asimdhp", "bf16"}
    ),
}
# The same products of integers, under a shorter encoding.
_IMPLIED = {"avx512_vnni": "avx_vnni"}
_CPUINFO = Path("/proc/cpuinfo")
_CARDS = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A kind of processor.

    Attributes:
        name: as the system names it.
        instructions: which of the instruction sets that matter here it has, or None where the system
            does not tell.
    """

    name: str
    instructions: tuple[str, ...] | None

    def computes_like(self, other: Processor, dtype: str) -> bool:
        """Whether what was measured on `other` in this precision can be expected here.

        That is so if it has all of its instructions that the precision computes with. Where either
        system does not tell them, only the same name will do.
        """
        if self.instructions is None or other.instructions is None:
            return self == other
        here = {*self.instructions, *(_IMPLIED[each] for each in self.instructions if each in _IMPLIED)}
        return other.used_in(dtype) <= here

    def used_in(self, dtype: str) -> frozenset[str]:
        """Those of its instructions that a precision may compute with."""
        return frozenset(self.instructions or ()) - _FOREIGN.get(dtype, frozenset())


@functools.cache
def processor(cpuinfo: Path = _CPUINFO) -> Processor:
    """This machine's processor; outside Linux its name alone is known.

    Args:
        cpuinfo: the file that Linux describes it in.
    """
    facts = _first_core(cpuinfo)
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return Processor(
        name=facts.get("model name") or _arm_name(facts) or platform.processor() or platform.machine(),
        instructions=tuple(name for name in _INSTRUCTIONS if name in flags) if flags else None,
    )


@functools.cache
def card(cards: Path = _CARDS) -> Processor | None:
    """This machine's CUDA cards, by the name of their kind; None where the driver tells not one.

    Args:
        cards: the folder that NVIDIA's driver describes them in, one folder each.
    """
    told = [_first_core(file).get("Model") for file in sorted(cards.glob("*/information"))]
    names = {name for name in told if name}
    return Processor(name=names.pop(), instructions=None) if len(names) == 1 else None


def _first_core(cpuinfo: Path) -> Mapping[str, str]:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _arm_name(facts: Mapping[str, str]) -> str:
    """ARM kernels tell numbers in place of a name."""
    numbers = [facts[name] for name in ("CPU implementer", "CPU part", "CPU variant") if name in facts]
    return f"{platform.machine()} {' '.join(numbers)}" if numbers else ""
