"""Backends: each file opens a model from its spec and turns batches of token ids into rows of floats."""

from __future__ import annotations

from typing import Protocol

from pertinence.errors import ModelError
from pertinence.local.batching import Batch
from pertinence.local.loading import ModelSpec
from pertinence.scorer import Float32

__all__ = ["Backend", "open_backend", "open_embedding_backend"]


class Backend(Protocol):
    """A loaded model. Only one thread uses it."""

    batch_tokens: int
    """Tokens, padding included, that one batch should hold on this device."""
    width_multiple: int
    """Batches are padded to a multiple of so many tokens."""

    def run(self, batch: Batch) -> Float32:
        """Raw outputs, float32 of shape (rows, labels), or vectors of shape (rows, dims)."""

    def close(self) -> None:
        """Give the model's memory back."""


def open_backend(spec: ModelSpec) -> Backend:
    """Load the model that `spec` describes on the backend that it names.

    Raises:
        MissingExtraError: the backend is not installed.
        ModelError: the files cannot be loaded.
    """
    # Each runtime is imported by its own file alone, when it is first needed.
    if spec.backend == "onnx":
        from pertinence.local.backends.onnx import OnnxBackend

        return OnnxBackend(spec)
    if spec.backend == "openvino":
        from pertinence.local.backends.openvino import OpenvinoBackend

        return OpenvinoBackend(spec)
    from pertinence.local.backends.torch import TorchBackend

    return TorchBackend(spec)


def open_embedding_backend(spec: ModelSpec) -> Backend:
    """Load the embedding model that `spec` describes; `run` gives its pooled vectors.

    Raises:
        MissingExtraError: the backend is not installed.
        ModelError: the files cannot be loaded, or the backend does not run embedding models.
    """
    if spec.backend == "torch":
        from pertinence.local.backends.torch import TorchEmbeddingBackend

        return TorchEmbeddingBackend(spec)
    raise ModelError(f"{spec.name}: the {spec.backend} backend does not run embedding models")
