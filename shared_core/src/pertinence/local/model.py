"""A model of this machine as the scheduler wants it: a spec, a tokenizer and a backend, each loaded once."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from pertinence.errors import ModelError
from pertinence.local.backends import Backend, open_backend
from pertinence.local.batching import Batch, Pair, pad
from pertinence.local.loading import ModelSpec, RerankerSpec, resolve, torch_installed
from pertinence.local.tokens import PairEncoder, PairLimits, QueryEncoder
from pertinence.options import Options
from pertinence.scorer import Float32

__all__ = ["LocalModel", "RerankerModel"]

_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """A tokenizer, for all that padding needs to know of it."""

    @property
    def text_type(self) -> int:
        """Token type of a text's tokens."""


S = TypeVar("S", bound=ModelSpec)
E = TypeVar("E", bound=Encoder)


class LocalModel(ABC, Generic[S, E]):
    """Everything that one kind of model needs on this machine, loaded part by part when first used.

    Two threads share it: one tokenises, the other runs; they meet only in finding the files.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._finding = threading.Lock()
        self._spec: S | None = None
        self._tokens: E | None = None
        self._backend: Backend | None = None
        self.rows_run = 0

    @abstractmethod
    def _find(self, options: Options) -> S:
        """What the model's files say."""

    @abstractmethod
    def _read_tokenizer(self, spec: S) -> E:
        """Its tokenizer, as this kind of model needs it."""

    @abstractmethod
    def _open_backend(self, spec: S) -> Backend:
        """Its network, loaded."""

    @property
    def spec(self) -> S:
        """Where the files are and how they are run; found on first use."""
        with self._finding:
            if self._spec is None:
                self._spec = self._find(self._options)
            return self._spec

    def load(self) -> None:
        """Load tokenizer and network."""
        if self._backend is None:
            self._encoder()
            self._backend = self._opened()

    @property
    def batch_tokens(self) -> int:
        """Tokens of a batch: what the user asked for, or what suits the device."""
        return self._options.batch_tokens or self._loaded().batch_tokens

    def pad(self, pairs: Sequence[Pair[Any]]) -> Batch:
        """Arrays as the network reads them."""
        spec = self.spec
        text_type = self._encoder().text_type if spec.token_types else 0
        return pad(
            pairs,
            pad_id=spec.pad_id,
            text_type=text_type,
            multiple=self._loaded().width_multiple,
            most=spec.positions,
        )

    def run(self, batch: Batch) -> Float32:
        """Raw outputs, float32 of shape (rows, outputs)."""
        self.rows_run += len(batch.ids)
        rows = self._loaded().run(batch)
        if not np.isfinite(rows).all() and self._back_to_float32():
            rows = self._loaded().run(batch)
        return rows

    def unload(self) -> None:
        """Give the memory back."""
        backend, self._backend = self._backend, None
        self._tokens = None
        if backend is not None:
            backend.close()

    def _opened(self) -> Backend:
        """The backend of the spec; torch, if one that nobody asked for cannot be given the model."""
        spec = self.spec
        try:
            return self._open_backend(spec)
        except ModelError as error:
            if self._options.backend != "auto" or spec.backend == "torch" or not torch_installed():
                raise
            _log.warning("%s runs on torch, because it cannot on %s: %s", spec.name, spec.backend, error)
        return self._open_backend(self._settle(backend="torch", dtype="float32", why="no other backend can"))

    def _back_to_float32(self) -> bool:
        """Load the model again in float32, if the precision that gave no numbers was nobody's wish."""
        spec = self.spec
        if self._options.dtype != "auto" or spec.dtype == "float32":
            return False
        _log.warning("%s gave NaN or infinity in %s and goes on in float32", spec.name, spec.dtype)
        self.unload()
        self._settle(dtype="float32", why=f"{spec.dtype} gave NaN or infinity")
        return True

    def _settle(self, **changes: Any) -> S:
        with self._finding:
            assert self._spec is not None
            self._spec = replace(self._spec, **changes)
            return self._spec

    def _loaded(self) -> Backend:
        if self._backend is None:
            self.load()
        assert self._backend is not None
        return self._backend

    def _encoder(self) -> E:
        if self._tokens is None:
            self._tokens = self._read_tokenizer(self.spec)
        return self._tokens


class RerankerModel(LocalModel[RerankerSpec, PairEncoder]):
    """A cross-encoder: pairs of query and text in, one row of logits each out."""

    def encode_query(self, query: str, limits: PairLimits) -> QueryEncoder:
        """The query behind the model's own prompt, tokenised, ready to be joined with texts."""
        return self._encoder().query(self.spec.prompt + query, limits)

    def _find(self, options: Options) -> RerankerSpec:
        return resolve(options)

    def _read_tokenizer(self, spec: RerankerSpec) -> PairEncoder:
        return PairEncoder(
            spec.tokenizer, max_length=spec.max_length, positions=spec.positions, cut_left=spec.cut_left
        )

    def _open_backend(self, spec: RerankerSpec) -> Backend:
        return open_backend(spec)
