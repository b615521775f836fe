"""CPU and GPUs of this machine, described by the facts that affect a precision's results and speed."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Processor", "card", "processor"]

# Instructions that computations in low precision use, by their Linux names: x86 first, then ARM.
_INSTRUCTIONS = (
    *("avx2", "fma", "f16c", "avx_ne_convert", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16"),
    *("avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"),
)
# Those of these instructions that a precision never uses.
_FOREIGN: Mapping[str, frozenset[str]] = {
    "bfloat16": frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "amx_fp16", "asimddp", "i8mm"}),
    "int8": frozenset(
        {"avx_ne_convert", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16", "asimdhp", "bf16"}
    ),
}
# Both have the same products of integers, the second in a shorter encoding. A processor with the first counts
# as having the second.
_IMPLIED = {"avx512_vnni": "avx_vnni"}
_CPUINFO = Path("/proc/cpuinfo")
_CARDS = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, kw_only=True)
class Processor:
    """Kind of processor.

    Attributes:
        name: name that the system reports.
        instructions: its instructions, among those that matter here; None if the system does not report
            them.
    """

    name: str
    instructions: tuple[str, ...] | None

    def computes_like(self, other: Processor, dtype: str) -> bool:
        """Check whether results measured on `other` in this precision can be expected on this processor.

        They can if this processor has all instructions of `other` that the precision may use. If the
        instructions of either are unknown, the two must be equal.
        """
        if self.instructions is None or other.instructions is None:
            return self == other
        here = {*self.instructions, *(_IMPLIED[each] for each in self.instructions if each in _IMPLIED)}
        return other.used_in(dtype) <= here

    def used_in(self, dtype: str) -> frozenset[str]:
        """Return those of its instructions that a precision may use."""
        return frozenset(self.instructions or ()) - _FOREIGN.get(dtype, frozenset())


@functools.cache
def processor(cpuinfo: Path = _CPUINFO) -> Processor:
    """Return this machine's processor; outside Linux, only its name is known.

    Args:
        cpuinfo: file in which Linux describes it.
    """
    facts = _first_core(cpuinfo)
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return Processor(
        name=facts.get("model name") or _arm_name(facts) or platform.processor() or platform.machine(),
        instructions=tuple(name for name in _INSTRUCTIONS if name in flags) if flags else None,
    )


@functools.cache
def card(cards: Path = _CARDS) -> Processor | None:
    """Return the kind of this machine's NVIDIA GPUs; None if the driver does not report exactly one kind.

    Args:
        cards: folder in which NVIDIA's driver describes the GPUs, one subfolder each.
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
    """Build a name from the numbers that ARM kernels report instead of a name."""
    numbers = [facts[name] for name in ("CPU implementer", "CPU part", "CPU variant") if name in facts]
    return f"{platform.machine()} {' '.join(numbers)}" if numbers else ""
