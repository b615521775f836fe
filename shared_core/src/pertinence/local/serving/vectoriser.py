"""Implementation of `Embedder` with a model on this machine.

Requests go to the scheduler of the shared model. The rows that come back are converted to vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Literal

import numpy as np

from pertinence.embedder_options import EmbedderOptions
from pertinence.errors import ClosedError, OptionError, ScoreError
from pertinence.local.batches.pair_tokens import PairLimits
from pertinence.local.selection.embedder_spec import EmbedderSpec
from pertinence.local.serving.embedding_model import EmbeddingModel
from pertinence.local.serving.pool import acquire
from pertinence.local.serving.request import Counts, Request
from pertinence.scorer import Float32
from pertinence.vectors import Embeddings, Form, Role

__all__ = ["LocalVectoriser"]


class LocalVectoriser:
    """Vectorizer backed by a model on this machine.

    The model is shared through the pool and loaded on first use.
    """

    def __init__(self, options: EmbedderOptions) -> None:
        self._options = options
        self._max_queued = options.max_queued
        self._limits = PairLimits(max_length=options.max_length)
        self._lease = acquire(options, EmbeddingModel)
        self._lease.close_when_collected(self)
        self._closed = False
        self.name = str(options.model)

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        """Queue the request and return at once; cancelling the future withdraws the request.

        Raises:
            ClosedError: the vectorizer was closed.
            OverloadedError: more than `max_queued` texts would wait.
        """
        self._check_open()
        request = Request(
            owner=self._lease, query=role, texts=texts, limits=self._limits, convert=self._convert
        )
        self._lease.scheduler.submit(request, self._max_queued)
        return request.future

    def warm_up(self) -> Future[None]:
        """Start loading the model and return a future that is done when the model is loaded.

        Raises:
            ClosedError: the vectorizer was closed.
        """
        self._check_open()
        return self._lease.scheduler.load()

    @property
    def spec(self) -> EmbedderSpec:
        """Spec of the model: the files found under its name and how they are run."""
        self._check_open()
        return self._lease.model.spec

    @property
    def dims(self) -> int:
        """Number of values per vector."""
        return self._form(self.spec).dims

    def prompt(self, role: Role) -> str:
        """Return the prompt that the model's own settings put before a text of this role."""
        return self.spec.prompts[role]

    @property
    def rows_run(self) -> int:
        """Number of texts that the shared model has run since it was created."""
        return self._lease.model.rows_run

    def close(self) -> None:
        """Release the model. Waiting requests of this vectorizer fail with `ClosedError`."""
        self._closed = True
        self._lease.release()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"the embedder of {self.name} is closed")

    def _convert(self, rows: Float32, counts: Counts) -> Embeddings:
        spec = self._lease.model.spec
        if rows.shape[1] != spec.chain.dims:
            raise ScoreError(f"{self.name} gave vectors of {rows.shape[1]} where {spec.chain.dims} were due")
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            raise ScoreError(
                f"{self.name} gave a vector that is not finite for text {bad[0]} ({len(bad)} of {len(rows)} "
                f"are so) in {spec.dtype}; dtype='float32' may help"
            )
        return Embeddings(
            values=self._form(spec).of(rows),
            truncated=counts.truncated,
            empty=counts.empty,
            repaired=counts.repaired,
        )

    def _form(self, spec: EmbedderSpec) -> Form:
        """Return the output form of the vectors, from the options and the model's settings.

        Raises:
            OptionError: `truncate_dim` is larger than the model's vectors, or `ranges` do not match the
                number of values per vector.
        """
        asked, given = self._options, spec.chain.dims
        width = asked.truncate_dim or min(spec.truncate_dim or given, given)
        if width > given:
            raise OptionError(f"truncate_dim is {width}, but {self.name} gives {given} numbers")
        own: Literal["before"] | None = "before" if spec.chain.normalised else None
        return Form(
            width=width,
            normalise=own if asked.normalize is None else "after" if asked.normalize else None,
            precision=asked.precision,
            ranges=asked.ranges,
        )
