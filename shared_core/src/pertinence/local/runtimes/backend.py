"""Protocol of a backend, and functions that open the backend that a spec names."""

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
    """Protocol of a loaded model. Only one thread uses it."""

    batch_tokens: int
    """Number of tokens that one batch should hold on this device, including padding."""
    width_multiple: int
    """Number that the width of a padded batch, in tokens, is a multiple of."""
    computes: Dtype
    """Precision of the products of weights, as far as the runtime reports it."""

    def run(self, batch: Batch) -> Float32:
        """Return raw outputs, float32 of shape (rows, labels), or vectors of shape (rows, dims)."""

    def close(self) -> None:
        """Free the model's memory."""


def open_backend(spec: ModelSpec) -> Backend:
    """Load the model that `spec` describes on the backend that it names.

    Raises:
        MissingExtraError: the backend is not installed.
        ModelError: the files cannot be loaded.
    """
    # Each runtime is imported only by its own module, when it is first needed.
    if spec.backend == "torch":
        from pertinence.local.runtimes.torch.backend import TorchBackend

        return TorchBackend(spec)
    return _open_network(spec, Logits())


def open_embedding_backend(spec: EmbedderSpec) -> Backend:
    """Load the embedding model that `spec` describes; its `run` returns pooled vectors.

    Raises:
        MissingExtraError: the backend is not installed.
        ModelError: the files cannot be loaded.
    """
    if spec.backend == "torch":
        from pertinence.local.runtimes.torch.backend import TorchEmbeddingBackend

        return TorchEmbeddingBackend(spec)
    return _open_network(spec, Head(spec.chain))


def _open_network(spec: ModelSpec, reader: Reader) -> Backend:
    """Open the network on a runtime that reads it from a file; `reader` turns its output into rows."""
    if spec.backend == "onnx":
        from pertinence.local.runtimes.onnx import OnnxBackend

        return OnnxBackend(spec, reader)
    from pertinence.local.runtimes.openvino import OpenvinoBackend

    return OpenvinoBackend(spec, reader)
