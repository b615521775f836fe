"""Precision that each backend really computes in on a CPU, given the processor's instructions (pure).

If a processor has no multiplication in a precision, a backend does one of three things. It emulates the
products, which is correct but slow. It computes in float32 instead, which is exact. Or it widens the numbers
first, which is correct and costs some of the speed. docs/precision.md has the whole table, with the test that
proves each cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pertinence.local.machine.processor import Processor

__all__ = ["Backend", "Dtype", "EffectivePrecision", "effective_precision"]

Backend = Literal["torch", "onnx", "openvino"]
Dtype = Literal["float32", "bfloat16", "float16", "int8"]

# Instructions that multiply in a precision, by their Linux names. Any one of them is enough.
_PRODUCTS: Mapping[Dtype, frozenset[str]] = {
    "bfloat16": frozenset({"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}),
    "float16": frozenset({"avx512_fp16", "amx_fp16", "asimdhp"}),
    "int8": frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}),
}


@dataclass(frozen=True, kw_only=True)
class EffectivePrecision:
    """Precision that a backend really computes in.

    Attributes:
        dtype: precision of its products of weights.
        slow: True if the products are emulated and take longer than in float32.
        why: reason for any difference from the request; empty if there is none.
    """

    dtype: Dtype
    slow: bool = False
    why: str = ""

    def as_asked(self, dtype: Dtype) -> bool:
        """Check whether this is the requested precision, and not a slow emulation of it."""
        return self.dtype == dtype and not self.slow


def effective_precision(backend: Backend, dtype: Dtype, processor: Processor) -> EffectivePrecision:
    """Return the precision that `backend` really computes in on the CPU if `dtype` is requested.

    If the system does not report the processor's instructions, this is `dtype`. The runtime may report
    another precision once it has loaded the model.
    """
    has = None if processor.instructions is None else frozenset(processor.instructions)
    if has is None or dtype == "float32" or has & _PRODUCTS[dtype]:
        return EffectivePrecision(dtype=dtype)
    lacking = f"this processor has no {dtype} products"
    if dtype == "int8":
        if backend == "openvino":
            return EffectivePrecision(dtype="float32", why=f"{lacking}, so OpenVINO turns the weights back")
        return EffectivePrecision(dtype=dtype, why=f"{lacking}, so they are widened to 16 bits first")
    if backend == "openvino" and "avx512f" not in has:
        return EffectivePrecision(dtype="float32", why=lacking)
    return EffectivePrecision(dtype=dtype, slow=True, why=f"{lacking} and imitates them")
