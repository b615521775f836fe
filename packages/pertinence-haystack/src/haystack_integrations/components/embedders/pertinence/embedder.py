"""What the two embedders have in common: their parameters and what they tell of a run."""

from __future__ import annotations

from typing import Any, ClassVar

from haystack_integrations.common.pertinence import PertinenceComponent
from pertinence import Embedder, OptionError
from pertinence.integration import EmbedderOptions, Embeddings, Options, PrecisionName

__all__ = ["PertinenceEmbedder", "told"]


class PertinenceEmbedder(PertinenceComponent):
    """The parameters of both embedders, as attributes."""

    _kind: ClassVar = EmbedderOptions
    _words: ClassVar = {"normalize": "normalize_embeddings", "ranges": "quantization_ranges"}

    prefix: str
    suffix: str
    normalize_embeddings: bool
    truncate_dim: int | None
    precision: PrecisionName
    quantization_ranges: list[list[float]] | None

    def _ready(self) -> Options:
        if self.precision in ("int8", "uint8") and self.quantization_ranges is None:
            raise OptionError(
                f"precision={self.precision!r} needs quantization_ranges, the least and greatest value of "
                "each number in a sample of embeddings: taken from a call's own, they would make an "
                "embedding depend on its neighbours"
            )
        # So that a model that nobody named, say, is told now: nothing is loaded and nothing sent.
        return Embedder.from_options(super()._ready()).options

    def _values(self, **changes: Any) -> dict[str, Any]:
        # What is not to be normalised besides is what the model's own modules make of it, as with peers.
        return {**super()._values(**changes), "normalize_embeddings": self.normalize_embeddings or None}

    def _opened(self) -> Embedder:
        return self._handle.embedder(self._options())


def told(embedder: Embedder, embeddings: Embeddings | None) -> dict[str, Any]:
    """
    What is known of a run: the model, what was done to the texts, and the usage that a server counts.

    :param embeddings: None if there was nothing to embed.
    """
    if embeddings is None:
        return {"model": embedder.model, "truncated": 0, "empty": 0, "repaired": 0, "usage": {}}
    return {
        "model": embedder.model,
        "truncated": embeddings.truncated,
        "empty": embeddings.empty,
        "repaired": embeddings.repaired,
        "usage": dict(embeddings.usage),
    }
