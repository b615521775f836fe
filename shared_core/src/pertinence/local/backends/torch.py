"""torch: cross-encoders and embedding models as sentence-transformers loads them, on the CPU or a GPU."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.backends.fit import watched
from pertinence.local.backends.lean import make_lean
from pertinence.local.batching import Batch
from pertinence.local.legacy import folder_with
from pertinence.local.loading import ModelSpec
from pertinence.scorer import Float32

try:
    import torch
    from sentence_transformers import CrossEncoder, SentenceTransformer
    from transformers.utils import logging as transformers_logging
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["TorchBackend", "TorchEmbeddingBackend", "load_cross_encoder", "network_of"]

M = TypeVar("M", bound=torch.nn.Module)

_CPU_BATCH_TOKENS = 1024
_GPU_BATCH_TOKENS = 16_384


class TorchBackend:
    """The network of a `sentence_transformers.CrossEncoder`, fed with exact-length batches."""

    width_multiple = 1

    def __init__(self, spec: ModelSpec) -> None:
        encoder = load_cross_encoder(spec)
        self._model = network_of(encoder, spec)
        make_lean(self._model)
        self._device = encoder.device
        self._token_types = spec.token_types
        self.batch_tokens = _CPU_BATCH_TOKENS if self._device.type == "cpu" else _GPU_BATCH_TOKENS

    def run(self, batch: Batch) -> Float32:
        """Raw outputs, float32 of shape (rows, labels)."""
        with torch.inference_mode():
            return _rows(self._model(**_inputs(batch, self._device, self._token_types)).logits)

    def close(self) -> None:
        """Give the model's memory back."""
        del self._model


class TorchEmbeddingBackend:
    """The modules of a `sentence_transformers.SentenceTransformer`, fed with exact-length batches."""

    width_multiple = 1

    def __init__(self, spec: ModelSpec) -> None:
        self._model = _load(SentenceTransformer, spec, spec.folder).train(False)
        self._device = self._model.device
        self._token_types = spec.token_types
        self.batch_tokens = _CPU_BATCH_TOKENS if self._device.type == "cpu" else _GPU_BATCH_TOKENS

    def run(self, batch: Batch) -> Float32:
        """Vectors, float32 of shape (rows, dims)."""
        with torch.inference_mode():
            features = self._model(_inputs(batch, self._device, self._token_types))
            # A model may keep the first dimensions only; sentence-transformers cuts after all modules.
            return _rows(features["sentence_embedding"][:, : self._model.truncate_dim])

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
    encoder: CrossEncoder
    if spec.int8_weights:
        from pertinence.local.weights import write_float32

        with tempfile.TemporaryDirectory(prefix="pertinence-") as folder:
            encoder = _load(CrossEncoder, spec, write_float32(spec.folder, Path(folder)))
    elif spec.translated:
        with folder_with(spec.config, spec.folder) as translated:
            encoder = _load(CrossEncoder, spec, translated)
    else:
        encoder = _load(CrossEncoder, spec, spec.folder)
    return encoder


def _load(kind: type[M], spec: ModelSpec, folder: Path) -> M:
    options = spec.options
    model_kwargs: dict[str, Any] = dict(options.model_kwargs or {})
    # transformers would otherwise take the checkpoint's precision: float16 on a CPU by accident.
    model_kwargs["dtype"] = getattr(torch, spec.dtype)
    # The files are here already; only code from another repository may still have to be fetched.
    fetching: dict[str, Any] = {}
    if options.trust_remote_code:
        fetching = {
            "trust_remote_code": True,
            "revision": options.revision,
            "token": options.token,
            "cache_folder": options.cache_folder,
        }
    with _no_progress_bar(), watched() as misfits:
        try:
            model: M = kind(
                str(folder),
                device=None if spec.device == "auto" else spec.device,
                local_files_only=options.local_files_only,
                model_kwargs=model_kwargs,
                **fetching,
            )
        except Exception as error:
            why = "; ".join(misfits.mismatched) or error
            raise ModelError(f"{spec.name} cannot be loaded by sentence-transformers: {why}") from error
    if misfits.missing and kind is CrossEncoder:
        # What an embedding model leaves random is a pooler that nothing reads.
        raise ModelError(f"{spec.name}: its weights lack {', '.join(misfits.missing)}")
    return model


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """A library does not draw on its user's terminal."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _inputs(batch: Batch, device: torch.device, token_types: bool) -> dict[str, torch.Tensor]:
    arrays = {"input_ids": batch.ids, "attention_mask": batch.mask}
    if token_types:
        arrays["token_type_ids"] = batch.types
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def _rows(outputs: torch.Tensor) -> Float32:
    rows: Float32 = outputs.float().cpu().numpy().astype(np.float32, copy=False)
    return rows
