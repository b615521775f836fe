"""Attention within each of many sequences that lie end to end in one row: ways to compute it.

Each way is one function of query, key and value of shape (tokens, heads, dims), and of where the sequences
begin. transformers finds them in its registry of attentions, so a stock model runs unchanged on one row.
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
# Nested tensors are views, which tensors made in inference mode cannot have.
NO_INFERENCE_MODE = frozenset({"nested"})


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Where sequences begin in a row: int32 of shape (rows + 1,) on the device, and the longest length."""

    starts: Tensor
    longest: int

    def as_arguments(self) -> dict[str, Any]:
        """What transformers hands through every layer, by the names its own kernels have for it."""
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
    """What the queries of each sequence read of its keys and values, of the shape of `query`.

    Args:
        way: one of `ways_for`, or `reference`.
        query: shape (queries, heads, dims).
        key: shape (tokens, heads, dims).
        value: likewise.
        asking: the spans of the queries.
        read: the spans of keys and values, as many.
        scale: of the products, before the softmax.
    """
    return _WAYS[way](query, key, value, asking, read, scale)


def ways_for(device: str, dtype: torch.dtype, capability: tuple[int, int] | None) -> tuple[str, ...]:
    """The ways that suit a kind of device, the fastest first; none where padding is as good.

    Args:
        device: its type: `cpu`, `cuda`, `mps`.
        dtype: what the network computes in.
        capability: of a CUDA device.
    """
    if device != "cuda" or capability is None:
        # On a CPU batches of nearly equal length leave little to gain, and no kernel takes it.
        return ()
    # FlashAttention computes in half precision, from Ampere on.
    flash = dtype in (torch.float16, torch.bfloat16) and capability >= (8, 0)
    own = ("flash_attn",) if flash and find_spec("flash_attn") is not None else ()
    torchs = ("varlen", "varlen_plain") if flash and _has_varlen() else ()
    return (*own, *torchs, "efficient", "nested")


def register(way: str) -> str:
    """Make `way` known to transformers; gives the name for `attn_implementation`."""
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
        """One row: (1, heads, tokens, dims) in, (1, tokens, heads, dims) out."""
        asking = Spans(starts=spans["cu_seq_lens_q"], longest=spans["max_length_q"])
        read = Spans(starts=spans["cu_seq_lens_k"], longest=spans["max_length_k"])
        queries, keys, values = (each[0].transpose(0, 1) for each in (query, key, value))
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        return attend(way, queries, keys, values, asking, read, scale)[None], None

    ALL_ATTENTION_FUNCTIONS.register(name, attention)
    return name


def _reference(query: Tensor, key: Tensor, value: Tensor, asking: Spans, read: Spans, scale: float) -> Tensor:
    """Sequence by sequence: what every other way must equal, and what runs anywhere."""
    asked, own = asking.starts.tolist(), read.starts.tolist()
    seen = []
    for row in range(len(own) - 1):
        queries = query[asked[row] : asked[row + 1]].transpose(0, 1)
        keys, values = (each[own[row] : own[row + 1]].transpose(0, 1) for each in (key, value))
        seen.append(scaled_dot_product_attention(queries, keys, values, scale=scale).transpose(0, 1))
    return torch.cat(seen)


def _efficient(query: Tensor, key: Tensor, value: Tensor, asking: Spans, read: Spans, scale: float) -> Tensor:
    """The kernel behind `_nested`, asked without nested tensors: they take as long as a small batch."""
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
    """torch's own kernels for nested tensors: the only one of these that also computes in float32."""

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
    """The FlashAttention that comes with torch.

    Where an implementation splits sequences, the order of a sum depends on the longest one of the batch,
    unless it is told not to; those that never split refuse to be told (`told_splits=False`).
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
    """The package flash-attn."""
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
    """What this version of torch can be told, of the two things that matter."""
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
