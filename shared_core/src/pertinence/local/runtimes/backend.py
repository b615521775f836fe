"""The protocol of a backend, and the opening of the backend that a spec names."""

from __future__ import annotations

from typing import Protocol

from pertinence.local.batches.batching import Batch
from pertinence.local.machine.precisions import Dtype
from pertinence.local.runtimes.head import Head
from pertinence.local.runtimes.outputs import Logits, Reader
from pertinence.local.selection.embedder_spec import EmbedderSpec
from pertinence.local.selection.reranker_spec import ModelSpec
from pertinence.scorer import Float32

__all__ = ["Backend", "open_backend", "open_embedding_backend"]


class Backend(Protocol):
    """A loaded model. Only one thread uses it."""

    batch_tokens: int
    """Tokens, padding included, that one batch should hold on this device."""
    width_multiple: int
    """Batches are padded to a multiple of so many tokens."""
    computes: Dtype
    """The precision that its products of weights are computed in, as far as the runtime tells."""

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
    if spec.backend == "torch":
        from pertinence.local.runtimes.torch.backend import TorchBackend

        return TorchBackend(spec)
    return _open_network(spec, Logits())


def open_embedding_backend(spec: EmbedderSpec) -> Backend:
    """Load the embedding model that `spec` describes; `run` gives its pooled vectors.

    Raises:
        MissingExtraError: the backend is not installed.
        ModelError: the files cannot be loaded.
    """
    if spec.backend == "torch":
        from pertinence.local.runtimes.torch.backend import TorchEmbeddingBackend

        return TorchEmbeddingBackend(spec)
    return _open_network(spec, Head(spec.chain))


def _open_network(spec: ModelSpec, reader: Reader) -> Backend:
    """The network on a runtime that reads it from a file, and what reads its output."""
    if spec.backend == "onnx":
        from pertinence.local.runtimes.onnx import OnnxBackend

        return OnnxBackend(spec, reader)
    from pertinence.local.runtimes.openvino import OpenvinoBackend

    return OpenvinoBackend(spec, reader)
