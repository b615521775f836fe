"""`sentence_transformers.CrossEncoder.predict`, as its own documentation and the frameworks call it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import CrossEncoder

from benchmarks.contenders.base import Contender

__all__ = ["Predict", "loaded", "opened"]

Array = npt.NDArray[np.float32]


class Predict(Contender[Sequence[str], Array]):
    """Batches of 32 rows, its own default."""

    def __init__(self, encoder: CrossEncoder) -> None:
        super().__init__()
        self._encoder = encoder

    def documents(self, texts: Sequence[str]) -> Sequence[str]:
        """As they are."""
        return texts

    def run(self, query: str, documents: Sequence[str]) -> Array:
        """Pairs are made here: they are what it takes."""
        return self._predict(query, documents, torch.nn.Sigmoid())

    def values(self, result: Array) -> list[float]:
        """In input order already."""
        return [float(each) for each in result]

    def one_logits(self, query: str, documents: Sequence[str]) -> list[float]:
        """With no activation."""
        return self.values(self._predict(query, documents, torch.nn.Identity()))

    def _predict(self, query: str, documents: Sequence[str], activation: torch.nn.Module) -> Array:
        scores: Array = self._encoder.predict(
            [(query, text) for text in documents], show_progress_bar=False, activation_fn=activation
        )
        return scores


def loaded(folder: str, dtype: str) -> CrossEncoder:
    """The model on the CPU, in this precision."""
    encoder: CrossEncoder = CrossEncoder(
        folder, device="cpu", model_kwargs={"dtype": getattr(torch, dtype)}, local_files_only=True
    )
    return encoder


def opened(folder: str, ours: str | None, dtype: str) -> Predict:
    """The float32 weights of `folder`; `ours` is for us."""
    return Predict(loaded(folder, dtype))
