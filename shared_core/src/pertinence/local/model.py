"""A model of this machine as the scheduler wants it: a spec, a tokenizer and a backend, each loaded once."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from pertinence.local.backends import Backend, open_backend
from pertinence.local.batching import Batch, Pair, pad
from pertinence.local.loading import ModelSpec, RerankerSpec, resolve
from pertinence.local.tokens import PairEncoder, PairLimits, QueryEncoder
from pertinence.options import Options
from pertinence.scorer import Float32

__all__ = ["LocalModel", "RerankerModel"]


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
            self._backend = self._open_backend(self.spec)

    @property
    def batch_tokens(self) -> int:
        """Tokens of a batch: what the user asked for, or what suits the device."""
        return self._options.batch_tokens or self._loaded().batch_tokens

    def pad(self, pairs: Sequence[Pair[Any]]) -> Batch:
        """Arrays as the network reads them."""
        spec = self.spec
        text_type = self._encoder().text_type if spec.token_types else 0
        return pad(pairs, pad_id=spec.pad_id, text_type=text_type)

    def run(self, batch: Batch) -> Float32:
        """Raw outputs, float32 of shape (rows, outputs)."""
        self.rows_run += len(batch.ids)
        return self._loaded().run(batch)

    def unload(self) -> None:
        """Give the memory back."""
        backend, self._backend = self._backend, None
        self._tokens = None
        if backend is not None:
            backend.close()

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
