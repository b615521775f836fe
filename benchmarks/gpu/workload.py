"""What is scored: random-weight models in the cards' shapes, and passages of known numbers of tokens."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.flops import Sizes
from support.models import SHAPES, build
from support.texts import WORDS

__all__ = ["MODELS", "Model", "Texts", "made"]

_MIX = Path(__file__).parents[1] / "length-mix.json"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A card's shape.

    Attributes:
        shape: its name among the shapes of the tests' models.
        layers: how many.
        gated: its feed-forward part has a third product.
        deviation: of the random weights. Twelve gated layers of wider ones make so much of every rounding
            that no two ways to compute them agree.
    """

    shape: str
    layers: int
    gated: bool = False
    deviation: float = 0.08

    @property
    def sizes(self) -> Sizes:
        """For counting operations."""
        sizes = SHAPES[self.shape].sizes
        inner = int(sizes.get("intermediate_size", 3072))
        hidden = int(sizes.get("hidden_size", 768))
        return Sizes(layers=self.layers, hidden=hidden, inner=inner * 3 // 2 if self.gated else inner)


MODELS = {
    "camembert-base": Model(shape="camembert-base", layers=12),
    "mminilm-L6": Model(shape="mminilm-L6", layers=6),
    "gte-base": Model(shape="gte-L2", layers=12, gated=True, deviation=0.03),
    "bge-m3": Model(shape="bge-m3-L2", layers=24, deviation=0.03),
    "tiny": Model(shape="tiny", layers=2),
}


def made(name: str, folder: Path) -> Path:
    """The folder of a model, built on first use.

    Raises:
        Exception: whatever stands in the way; a version of transformers may lack the architecture.
    """
    target = folder / name
    if not (target / "model.safetensors").is_file():
        model = MODELS[name]
        build(model.shape, target, layers=model.layers, deviation=model.deviation)
    return target


class Texts:
    """A query and passages of exact lengths, of words that are one token each.

    Args:
        folder: the model's, for its tokenizer.
        seed: of the words.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        words = sorted({word for sentence in WORDS for word in sentence.lower().split()})
        around = len(tokenizer.encode("").ids)
        self._words = [word for word in words if len(tokenizer.encode(word).ids) == around + 1]
        self._random = random.Random(seed)
        mix = json.loads(_MIX.read_text(encoding="utf-8"))
        self._lengths: list[int] = mix["pair_lengths"]
        self.query = self.words(int(mix["query_length"]))
        self._besides = len(tokenizer.encode(self.query, "").ids)

    def words(self, count: int) -> str:
        """So many tokens."""
        return " ".join(self._random.choices(self._words, k=count))

    def mixed(self, count: int) -> tuple[list[str], list[int]]:
        """Passages in the mix of lengths, and the tokens of each pair."""
        return self.of([self._lengths[place % len(self._lengths)] for place in range(count)])

    def of(self, pairs: Sequence[int]) -> tuple[list[str], list[int]]:
        """Passages that make pairs of so many tokens."""
        lengths = [max(length, self._besides + 1) for length in pairs]
        return [self.words(length - self._besides) for length in lengths], lengths
