"""Common base of the two embedders: their parameters and the metadata of a run."""

from __future__ import annotations

from typing import Any, ClassVar

from haystack_integrations.common.pertinence import PertinenceComponent
from pertinence import Embedder, OptionError
from pertinence.integration import EmbedderOptions, Embeddings, Options, PrecisionName

__all__ = ["PertinenceEmbedder", "told"]


class PertinenceEmbedder(PertinenceComponent):
    """Base class of both embedders, with their parameters as attributes."""

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
        # Create an embedder to report errors such as a missing model now; nothing is loaded or sent.
        return Embedder.from_options(super()._ready()).options

    def _values(self, **changes: Any) -> dict[str, Any]:
        # False becomes None, so the model's own modules decide on normalization, as in other embedders for
        # Haystack.
        return {**super()._values(**changes), "normalize_embeddings": self.normalize_embeddings or None}

    def _opened(self) -> Embedder:
        return self._handle.embedder(self._options())


def told(embedder: Embedder, embeddings: Embeddings | None) -> dict[str, Any]:
    """
    Return the metadata of a run: the model, the counts of changed texts, and the server's usage counts.

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
