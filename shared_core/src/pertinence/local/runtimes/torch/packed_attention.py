"""Ways to compute attention within each of many sequences that are packed end to end in one row.

Each way is a function of query, key and value of shape (tokens, heads, dims), and of the sequences' start
positions. transformers finds the ways in its registry of attention functions, so that an unmodified model
can run on one row.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

from pertinence.errors import MissingExtraError

try:
    import torch
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["NO_INFERENCE_MODE", "Spans", "attend", "register", "ways_for"]

Tensor = torch.Tensor
# Nested tensors are views, which tensors created in inference mode cannot have.
NO_INFERENCE_MODE = frozenset({"nested"})


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Start positions of the sequences in a row, and the length of the longest one.

    `starts` is int32 of shape (rows + 1,), on the device.
    """

    starts: Tensor
    longest: int

    def as_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments that transformers passes through every layer.

        The names are those that transformers' own kernels use.
        """
        return {
            "cu_seq_lens_q": self.starts,
            "cu_seq_lens_k": self.starts,
            "max_length_q": self.longest,
            "max_length_k": self.longest,
        }


Way = Callable[[Tensor, Tensor, Tensor, Spans, Spans, float], Tensor]


def attend(
    way: str, query: Tensor, key: Tensor, value: Tensor, asking: Spans, read: Spans, scale: float
) -> Tensor:
    """Compute attention of each sequence's queries over its own keys and values.

    The result has the shape of `query`.

    Args:
        way: one of `ways_for`, or `reference`.
        query: shape (queries, heads, dims).
        key: shape (tokens, heads, dims).
        value: shape (tokens, heads, dims).
        asking: the spans of the queries.
        read: the spans of keys and values, as many as those of the queries.
        scale: factor of the products, applied before the softmax.
    """
    return _WAYS[way](query, key, value, asking, read, scale)


def ways_for(device: str, dtype: torch.dtype, capability: tuple[int, int] | None) -> tuple[str, ...]:
    """Return the ways that suit a kind of device, the fastest first; none where padding is as good.

    Args:
        device: type of the device: `cpu`, `cuda`, `mps`.
        dtype: precision that the network computes in.
        capability: compute capability of a CUDA device; None for other devices.
    """
    if device != "cuda" or capability is None:
        # On a CPU, batches of nearly equal length leave little to gain, and no kernel supports packed
        # batches.
        return ()
    # FlashAttention computes only in half precision, on Ampere and later.
    flash = dtype in (torch.float16, torch.bfloat16) and capability >= (8, 0)
    own = ("flash_attn",) if flash and find_spec("flash_attn") is not None else ()
    torchs = ("varlen", "varlen_plain") if flash and _has_varlen() else ()
    return (*own, *torchs, "efficient", "nested")


def register(way: str) -> str:
    """Register `way` with transformers and return its name for `attn_implementation`."""
    name = f"pertinence_{way}"

    def attention(
        module: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        scaling: float | None = None,
        dropout: float = 0.0,
        **spans: Any,
    ) -> tuple[Tensor, None]:
        """Compute attention of one row: (1, heads, tokens, dims) in, (1, tokens, heads, dims) out."""
        asking = Spans(starts=spans["cu_seq_lens_q"], longest=spans["max_length_q"])
        read = Spans(starts=spans["cu_seq_lens_k"], longest=spans["max_length_k"])
        queries, keys, values = (each[0].transpose(0, 1) for each in (query, key, value))
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        return attend(way, queries, keys, values, asking, read, scale)[None], None

    ALL_ATTENTION_FUNCTIONS.register(name, attention)
    return name


def _reference(query: Tensor, key: Tensor, value: Tensor, asking: Spans, read: Spans, scale: float) -> Tensor:
    """Compute attention one sequence after another.

    It runs on any device, and every other way must give the same result.
    """
    asked, own = asking.starts.tolist(), read.starts.tolist()
    seen = []
    for row in range(len(own) - 1):
        queries = query[asked[row] : asked[row + 1]].transpose(0, 1)
        keys, values = (each[own[row] : own[row + 1]].transpose(0, 1) for each in (key, value))
        seen.append(scaled_dot_product_attention(queries, keys, values, scale=scale).transpose(0, 1))
    return torch.cat(seen)


def _efficient(query: Tensor, key: Tensor, value: Tensor, asking: Spans, read: Spans, scale: float) -> Tensor:
    """Call the kernel behind `_nested` directly.

    Creating nested tensors would take as long as computing a small batch.
    """
    seen: Tensor = torch.ops.aten._efficient_attention_forward(
        query[None],
        key[None],
        value[None],
        None,
        asking.starts,
        read.starts,
        asking.longest,
        read.longest,
        0.0,
        0,
        scale=scale,
    )[0]
    return seen[0]


def _nested(query: Tensor, key: Tensor, value: Tensor, asking: Spans, read: Spans, scale: float) -> Tensor:
    """Use torch's kernels for nested tensors, which, unlike FlashAttention, also compute in float32."""

    def jagged(rows: Tensor, spans: Spans) -> Tensor:
        nested = torch.nested.nested_tensor_from_jagged(
            rows.contiguous(), spans.starts, min_seqlen=1, max_seqlen=spans.longest
        )
        return nested.transpose(1, 2)

    seen = scaled_dot_product_attention(
        jagged(query, asking), jagged(key, read), jagged(value, read), scale=scale
    )
    values: Tensor = seen.transpose(1, 2).values()
    return values


def _varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    asking: Spans,
    read: Spans,
    scale: float,
    *,
    told_splits: bool = True,
) -> Tensor:
    """Use the FlashAttention that is part of torch.

    An implementation may split sequences. The order of a sum then depends on the longest sequence of the
    batch, unless `num_splits` is 1. Implementations that never split reject that argument
    (`told_splits=False`).
    """
    from torch.nn.attention.varlen import varlen_attn

    seen = varlen_attn(
        query,
        key,
        value,
        asking.starts,
        read.starts,
        asking.longest,
        read.longest,
        **_varlen_options(query.shape[-1], scale, told_splits),
    )
    assert isinstance(seen, Tensor)
    return seen


def _flash_attn(
    query: Tensor, key: Tensor, value: Tensor, asking: Spans, read: Spans, scale: float
) -> Tensor:
    """Use the package flash-attn."""
    from flash_attn import flash_attn_varlen_func  # type: ignore[import-not-found]

    seen: Tensor = flash_attn_varlen_func(
        query,
        key,
        value,
        asking.starts,
        read.starts,
        asking.longest,
        read.longest,
        softmax_scale=scale,
    )
    return seen


def _has_varlen() -> bool:
    return find_spec("torch.nn.attention.varlen") is not None


@cache
def _varlen_options(dims: int, scale: float, told_splits: bool) -> Mapping[str, Any]:
    """Return the optional arguments for splits and scale that this version of torch needs and accepts."""
    from torch.nn.attention.varlen import varlen_attn

    known = inspect.signature(varlen_attn).parameters
    options: dict[str, Any] = {"num_splits": 1} if told_splits and "num_splits" in known else {}
    if abs(scale - dims**-0.5) > 1e-9:
        options["scale"] = scale
    return options


_WAYS: Mapping[str, Way] = {
    "reference": _reference,
    "nested": _nested,
    "varlen": _varlen,
    "varlen_plain": partial(_varlen, told_splits=False),
    "efficient": _efficient,
    "flash_attn": _flash_attn,
}
