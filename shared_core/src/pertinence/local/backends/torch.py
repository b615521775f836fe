"""torch: any model that sentence-transformers loads as a cross-encoder, on the CPU or a GPU."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.batching import Batch
from pertinence.local.loading import ModelSpec
from pertinence.scorer import Float32

try:
    import torch
    from sentence_transformers import CrossEncoder
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["TorchBackend", "load_cross_encoder", "network_of"]

_CPU_BATCH_TOKENS = 1024
_GPU_BATCH_TOKENS = 16_384


class TorchBackend:
    """The network of a `sentence_transformers.CrossEncoder`, fed with exact-length batches."""

    def __init__(self, spec: ModelSpec) -> None:
        encoder = load_cross_encoder(spec)
        self._model = network_of(encoder, spec)
        self._device = encoder.device
        self._token_types = spec.token_types
        self.batch_tokens = _CPU_BATCH_TOKENS if self._device.type == "cpu" else _GPU_BATCH_TOKENS

    def run(self, batch: Batch) -> Float32:
        """Raw outputs, float32 of shape (rows, labels)."""
        arrays = {"input_ids": batch.ids, "attention_mask": batch.mask}
        if self._token_types:
            arrays["token_type_ids"] = batch.types
        inputs = {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}
        with torch.inference_mode():
            logits = self._model(**inputs).logits
        rows: Float32 = logits.float().cpu().numpy().astype(np.float32, copy=False)
        return rows

    def close(self) -> None:
        """Give the model's memory back."""
        del self._model


def network_of(encoder: CrossEncoder, spec: ModelSpec) -> torch.nn.Module:
    """The network alone, ready for inference: ids in, logits out."""
    network: torch.nn.Module | None = encoder.model
    if network is None:
        raise ModelError(f"{spec.name}: sentence-transformers loads it without a transformer")
    return network.train(False)


def load_cross_encoder(spec: ModelSpec) -> CrossEncoder:
    """The model as sentence-transformers loads it, with its rules for remote code and precision.

    Raises:
        ModelError: its files cannot be loaded.
    """
    if spec.int8_weights:
        from pertinence.local.weights import write_float32

        with tempfile.TemporaryDirectory(prefix="pertinence-") as folder:
            return _load(spec, write_float32(spec.folder, Path(folder)))
    return _load(spec, spec.folder)


def _load(spec: ModelSpec, folder: Path) -> CrossEncoder:
    options = spec.options
    model_kwargs: dict[str, Any] = dict(options.model_kwargs or {})
    # transformers would otherwise take the checkpoint's precision: float16 on a CPU by accident.
    model_kwargs["dtype"] = getattr(torch, spec.dtype)
    try:
        encoder: CrossEncoder = CrossEncoder(
            str(folder),
            device=None if spec.device == "auto" else spec.device,
            trust_remote_code=options.trust_remote_code,
            revision=options.revision,
            token=options.token,
            cache_folder=options.cache_folder,
            local_files_only=options.local_files_only,
            model_kwargs=model_kwargs,
        )
    except Exception as error:
        raise ModelError(f"{spec.name} cannot be loaded by sentence-transformers: {error}") from error
    return encoder
