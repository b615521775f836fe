"""How much an encoder has to compute: its matrix products, in floating-point operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Sizes"]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """An encoder of the BERT family.

    Attributes:
        layers: how many.
        hidden: width of a token's row between layers.
        inner: width inside the feed-forward part.
    """

    layers: int
    hidden: int
    inner: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Those of a `config.json`; 768 and 3,072 are what transformers takes for granted."""
        return cls(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config.get("hidden_size", 768)),
            inner=int(config.get("intermediate_size", 3072)),
        )

    def flops(self, lengths: Iterable[int]) -> float:
        """Operations for sequences of these lengths, a multiplication and an addition counting as two.

        Every token goes through every layer (query, key, value and output of the attention, both halves
        of the feed-forward part), and is held against every token of its sequence twice. No padding, no
        embeddings and no head are counted.
        """
        a_token = 2 * (4 * self.hidden**2 + 2 * self.hidden * self.inner)
        a_pair_of_tokens = 2 * 2 * self.hidden
        return float(self.layers * sum(length * a_token + length**2 * a_pair_of_tokens for length in lengths))
