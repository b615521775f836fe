"""Torch backends for cross-encoders and embedding models, on the CPU or a GPU.

sentence-transformers loads the models.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.batches.batching import Batch
from pertinence.local.batches.packing import Packed
from pertinence.local.batches.text_batches import TextBatch
from pertinence.local.files.legacy import folder_with
from pertinence.local.runtimes.torch.devices import check_answers, on_device, relieve
from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer
from pertinence.local.runtimes.torch.load_report import watched
from pertinence.local.runtimes.torch.packed import unpacked
from pertinence.local.runtimes.torch.packed_graphs import Replaying, record, wanted
from pertinence.local.runtimes.torch.running import OnDevice, packed_if_safe
from pertinence.local.selection.embedder_spec import EmbedderSpec
from pertinence.local.selection.reranker_spec import ModelSpec
from pertinence.scorer import Float32

try:
    import torch
    from sentence_transformers import CrossEncoder, SentenceTransformer
    from transformers.utils import logging as transformers_logging
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = [
    "TorchBackend",
    "TorchEmbeddingBackend",
    "load_cross_encoder",
    "load_sentence_transformer",
    "network_of",
    "read_pickled",
]

M = TypeVar("M", bound=torch.nn.Module)

# While transformers loads a model, it changes torch's default precision and some of its own methods for all
# threads.
_LOADING = threading.Lock()


class TorchBackend(OnDevice):
    """Network of a `sentence_transformers.CrossEncoder` that runs packed or exact-length batches."""

    def __init__(self, spec: ModelSpec) -> None:
        encoder = load_cross_encoder(spec)
        self._model = network_of(encoder, spec)
        self._packed = packed_if_safe(self._model, spec)
        if self._packed is None:
            use_first_token_layer(self._model)
        self._token_types = spec.token_types
        super().__init__(encoder.device, _dtype_of(self._model), self._packed)
        self._replaying = Replaying(self._packed, record) if self._packed and wanted() else None

    def close(self) -> None:
        """Free the model's memory."""
        del self._model, self._packed, self._replaying
        relieve()

    def _outputs(self, batch: Batch | Packed) -> torch.Tensor:
        """Return raw outputs of shape (rows, labels)."""
        if isinstance(batch, Packed):
            runs = self._replaying or self._packed
            assert runs is not None
            return runs.run(batch)
        logits: torch.Tensor = self._model(**_inputs(batch, self._device, self._token_types)).logits
        return logits


class TorchEmbeddingBackend(OnDevice):
    """Modules of a `sentence_transformers.SentenceTransformer` that run packed or exact-length batches.

    A Normalize that comes last is left out, because each caller may want another form of the vectors.
    """

    def __init__(self, spec: EmbedderSpec) -> None:
        model = load_sentence_transformer(spec)
        self._network, *further = model.children()
        network: Any = self._network.auto_model
        first = spec.chain.first_token_read
        self._packed = packed_if_safe(network, spec, first_token_read=first)
        if self._packed is None and first:
            use_first_token_layer(network, first_token_read=True)
        # sentence-transformers loads these modules in the precision of the network.
        self._further = [each.float() for each in (further[:-1] if spec.chain.normalised else further)]
        self._token_types = spec.token_types
        self._dims = spec.chain.dims
        super().__init__(model.device, _dtype_of(network), self._packed)

    def close(self) -> None:
        """Free the model's memory."""
        del self._network, self._further, self._packed
        relieve()

    def _outputs(self, batch: Batch | Packed) -> torch.Tensor:
        """Return vectors of shape (rows, dims)."""
        if isinstance(batch, Packed):
            assert self._packed is not None
            given = self._packed.run(batch)
            # Pooling reads padded rows. Group rows of similar length, or one long row would widen all
            # others.
            kinds = np.column_stack([batch.prompts, np.ceil(np.log2(batch.lengths))])
            features = partial(unpacked, batch, given)
        else:
            assert isinstance(batch, TextBatch)
            kinds = batch.prompts
            features = partial(_picked, self._network(_inputs(batch, self._device, self._token_types)))
        vectors = torch.empty(len(kinds), self._dims, dtype=torch.float32, device=self._device)
        # The modules after the network accept one prompt length for all rows.
        for kind in np.unique(kinds, axis=0):
            rows = np.flatnonzero((kinds == kind).all(axis=1))
            vectors[on_device(rows, self._device)] = self._pooled(features(rows), int(kind[0]))
        return vectors

    def _pooled(self, features: dict[str, torch.Tensor], prompt: int) -> torch.Tensor:
        # Pool in float32, whatever precision the network uses: it costs almost nothing, and sums stay
        # exact.
        part: dict[str, Any] = {
            "token_embeddings": features["token_embeddings"].float(),
            "attention_mask": features["attention_mask"],
            "prompt_length": prompt,
        }
        for module in self._further:
            part = module(part)
        vectors: torch.Tensor = part["sentence_embedding"]
        return vectors.float()


def network_of(encoder: CrossEncoder, spec: ModelSpec) -> torch.nn.Module:
    """Return only the network, ready for inference: ids in, logits out."""
    network: torch.nn.Module | None = encoder.model
    if network is None:
        raise ModelError(f"{spec.name}: sentence-transformers loads it without a transformer")
    return network.train(False)


def load_cross_encoder(spec: ModelSpec) -> CrossEncoder:
    """Load the model with sentence-transformers, with its rules for remote code and precision.

    Raises:
        ModelError: the model's files cannot be loaded.
    """
    encoder: CrossEncoder
    if spec.int8_weights:
        from pertinence.local.files.weights import write_float32

        with tempfile.TemporaryDirectory(prefix="pertinence-") as folder:
            encoder = _load(CrossEncoder, spec, write_float32(spec.folder, Path(folder)))
    elif spec.translated:
        with folder_with(spec.config, spec.folder) as translated:
            encoder = _load(CrossEncoder, spec, translated)
    else:
        encoder = _load(CrossEncoder, spec, spec.folder)
    return encoder


def load_sentence_transformer(spec: EmbedderSpec) -> SentenceTransformer:
    """Load the embedding model with sentence-transformers, under translated settings if the spec has them.

    Raises:
        ModelError: the model's files cannot be loaded.
    """
    if not spec.translated:
        return _load(SentenceTransformer, spec, spec.folder).train(False)
    with folder_with(spec.config, spec.folder) as folder:
        return _load(SentenceTransformer, spec, folder).train(False)


def read_pickled(file: Path) -> dict[str, Float32]:
    """Return the tensors of a `pytorch_model.bin`, in float32, by name, without running code from the file.

    Raises:
        ModelError: the file cannot be read, or holds more than tensors.
    """
    try:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
        return {name: _rows(tensor) for name, tensor in tensors.items()}
    except Exception as error:
        raise ModelError(f"{file} cannot be read: {error}") from error


def _load(kind: type[M], spec: ModelSpec, folder: Path) -> M:
    options = spec.options
    model_kwargs: dict[str, Any] = dict(options.model_kwargs or {})
    # transformers would otherwise use the checkpoint's precision, which may be float16 even on a CPU.
    model_kwargs["dtype"] = getattr(torch, spec.dtype)
    # The files are local already. Only code from another repository may still have to be downloaded.
    fetching: dict[str, Any] = {}
    if options.trust_remote_code:
        fetching = {
            "trust_remote_code": True,
            "revision": options.revision,
            "token": options.token,
            "cache_folder": options.cache_folder,
        }
    check_answers(spec.device)
    with _LOADING, _no_progress_bar(), watched() as misfits:
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
        # In an embedding model, a missing weight belongs to a pooler that nothing reads.
        raise ModelError(f"{spec.name}: its weights lack {', '.join(misfits.missing)}")
    return model


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Hide the progress bar of transformers, because a library must not draw on its user's terminal."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _picked(features: dict[str, torch.Tensor], rows: np.ndarray[Any, Any]) -> dict[str, torch.Tensor]:
    """Select rows of the network's output."""
    chosen = on_device(rows, features["token_embeddings"].device)
    return {name: features[name][chosen] for name in ("token_embeddings", "attention_mask")}


def _dtype_of(network: torch.nn.Module) -> torch.dtype:
    return next(network.parameters()).dtype


def _inputs(batch: Batch, device: torch.device, token_types: bool) -> dict[str, torch.Tensor]:
    arrays = {"input_ids": batch.ids, "attention_mask": batch.mask}
    if token_types:
        arrays["token_type_ids"] = batch.types
    return {name: on_device(array, device) for name, array in arrays.items()}


def _rows(outputs: torch.Tensor) -> Float32:
    rows: Float32 = outputs.float().cpu().numpy().astype(np.float32, copy=False)
    return rows
