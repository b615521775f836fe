"""Last layers of packed networks, which return only the first token's row of each sequence.

They correspond to `first_token_layer` for padded batches: they compute keys and values of all tokens, but
query, output and feed-forward of only one per sequence. Hidden states of shape (1, tokens, dims) come in
and (rows, 1, dims) go out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from pertinence.errors import MissingExtraError
from pertinence.local.runtimes.torch.packed_attention import Spans, attend

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["LAST_LAYERS"]

Tensor = torch.Tensor


class _FirstTokens(nn.Module):
    """Common part of the last layers.

    Args:
        layer: the network's own last layer.
        way: way to compute attention.
    """

    def __init__(self, layer: Any, way: str) -> None:
        super().__init__()
        self.layer: Any = layer
        self._way = way

    def forward(self, hidden_states: Tensor, *_: object, **passed: Any) -> Tensor:
        starts, longest = passed["cu_seq_lens_k"], passed["max_length_k"]
        tokens = hidden_states[0]
        first = tokens.index_select(0, starts[:-1])
        query, key, value = self._projected(tokens, first)
        rotation = passed.get("position_embeddings")
        if rotation is not None:
            cos, sin = rotation[0][0], rotation[1][0]
            query = _rotated(query, cos.index_select(0, starts[:-1]), sin.index_select(0, starts[:-1]))
            key = _rotated(key, cos, sin)
        asking = Spans(starts=torch.arange(len(starts), dtype=torch.int32, device=starts.device), longest=1)
        read = Spans(starts=starts, longest=longest)
        seen = attend(self._way, query, key, value, asking, read, query.shape[-1] ** -0.5)
        return self._rest(seen.flatten(1), first)[:, None]

    @abstractmethod
    def _projected(self, tokens: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the query of `first` and the key and value of `tokens`, each of shape (..., heads, dims)."""

    @abstractmethod
    def _rest(self, seen: Tensor, first: Tensor) -> Tensor:
        """Compute everything in the layer that follows attention."""


class _Bert(_FirstTokens):
    def _projected(self, tokens: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        read = self.layer.attention.self
        rows = read.query(first), read.key(tokens), read.value(tokens)
        return _by_head(rows, read.attention_head_size)

    def _rest(self, seen: Tensor, first: Tensor) -> Tensor:
        attended = self.layer.attention.output(seen, first)
        rows: Tensor = self.layer.output(self.layer.intermediate(attended), attended)
        return rows


class _DistilBert(_FirstTokens):
    def _projected(self, tokens: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        read = self.layer.attention
        rows = read.q_lin(first), read.k_lin(tokens), read.v_lin(tokens)
        return _by_head(rows, read.attention_head_size)

    def _rest(self, seen: Tensor, first: Tensor) -> Tensor:
        attended = self.layer.sa_layer_norm(self.layer.attention.out_lin(seen) + first)
        rows: Tensor = self.layer.output_layer_norm(self.layer.ffn(attended) + attended)
        return rows


class _Gte(_FirstTokens):
    def _projected(self, tokens: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        read = self.layer.self_attn
        rows = read.q_proj(first), read.k_proj(tokens), read.v_proj(tokens)
        return _by_head(rows, read.head_dim)

    def _rest(self, seen: Tensor, first: Tensor) -> Tensor:
        attended = self.layer.post_attention_layernorm(first + self.layer.self_attn.o_proj(seen))
        rows: Tensor = self.layer.post_mlp_layernorm(attended + self.layer.mlp(attended))
        return rows


LAST_LAYERS: Mapping[str, Callable[[Any, str], nn.Module]] = {
    "bert": _Bert,
    "distilbert": _DistilBert,
    "gte": _Gte,
}


def _by_head(rows: tuple[Tensor, Tensor, Tensor], dims: int) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = (each.view(*each.shape[:-1], -1, dims) for each in rows)
    return query, key, value


def _rotated(rows: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions (https://arxiv.org/abs/2104.09864): rotate pairs of the two halves by angles."""
    one, other = rows.chunk(2, dim=-1)
    turned = torch.cat((-other, one), dim=-1)
    return rows * cos[:, None] + turned * sin[:, None]
