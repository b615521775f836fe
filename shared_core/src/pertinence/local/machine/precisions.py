"""What each backend really computes in where a precision is asked for, by what the processor has (pure).

A processor without products of a precision has three ways out. The backend imitates them, which is right and
slow. It computes in float32 in their place, which is exact. Or it widens the numbers first, which is right
and costs some of the speed. docs/precision.md has the whole table, with the test that proves each cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pertinence.local.machine.processor import Processor

__all__ = ["Backend", "Computed", "Dtype", "computed"]

Backend = Literal["torch", "onnx", "openvino"]
Dtype = Literal["float32", "bfloat16", "float16", "int8"]

# Instructions that multiply in a precision, by the names of Linux. Any one of them will do.
_PRODUCTS: Mapping[Dtype, frozenset[str]] = {
    "bfloat16": frozenset({"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}),
    "float16": frozenset({"avx512_fp16", "amx_fp16", "asimdhp"}),
    "int8": frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}),
}


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a backend computes in.

    Attributes:
        dtype: the precision of its products of weights.
        slow: the products are imitated by others, and take longer than in float32.
        why: the reason for anything that is not as asked; else empty.
    """

    dtype: Dtype
    slow: bool = False
    why: str = ""

    def as_asked(self, dtype: Dtype) -> bool:
        """Whether it is that precision, at a speed that is worth it."""
        return self.dtype == dtype and not self.slow


def computed(backend: Backend, dtype: Dtype, processor: Processor) -> Computed:
    """Say what `backend` computes in on the CPU where `dtype` is asked for.

    Where the system tells no instructions, that is the precision itself; the runtime may know better once it
    has loaded the model.
    """
    has = None if processor.instructions is None else frozenset(processor.instructions)
    if has is None or dtype == "float32" or has & _PRODUCTS[dtype]:
        return Computed(dtype=dtype)
    lacking = f"this processor has no {dtype} products"
    if dtype == "int8":
        if backend == "openvino":
            return Computed(dtype="float32", why=f"{lacking}, so OpenVINO turns the weights back")
        return Computed(dtype=dtype, why=f"{lacking}, so they are widened to 16 bits first")
    if backend == "openvino" and "avx512f" not in has:
        return Computed(dtype="float32", why=lacking)
    return Computed(dtype=dtype, slow=True, why=f"{lacking} and imitates them")
