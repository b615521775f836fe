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
        return float(sum(self.layers * self._layer(length, length) for length in lengths))

    def least_flops(self, lengths: Iterable[int]) -> float:
        """The same where the last layer computes the first token's row alone, all that a head reads."""
        others = self.layers - 1
        return float(sum(others * self._layer(each, each) + self._layer(each, 1) for each in lengths))

    def _layer(self, length: int, rows: int) -> int:
        """One layer on one sequence of which so many rows are wanted: keys and values are of all tokens."""
        keys_and_values = 2 * length * 2 * self.hidden**2
        a_row = 2 * (2 * self.hidden**2 + 2 * self.hidden * self.inner + 2 * length * self.hidden)
        return keys_and_values + rows * a_row
