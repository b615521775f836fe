"""Scorer that runs a reranker on this machine.

Requests go to the scheduler of the shared model. The raw rows that come back are converted to scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from pertinence.errors import ClosedError, ScoreError
from pertinence.local.batches.pair_tokens import PairLimits
from pertinence.local.selection.reranker_spec import DEFAULT_MODEL, RerankerSpec
from pertinence.local.serving.pool import acquire
from pertinence.local.serving.request import Counts, Request
from pertinence.local.serving.reranker_model import RerankerModel
from pertinence.options import Options
from pertinence.scorer import Float32, Scores

__all__ = ["LocalScorer"]


class LocalScorer:
    """Scorer backed by a model on this machine.

    The model is shared through the pool and loaded on first use.
    """

    def __init__(self, options: Options) -> None:
        self._kind = options.score_kind
        self._max_queued = options.max_queued
        self._limits = PairLimits(max_length=options.max_length, truncation=options.truncation)
        self._lease = acquire(options, RerankerModel)
        self._lease.close_when_collected(self)
        self._closed = False
        self.name = options.model or DEFAULT_MODEL

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Queue the request and return at once; cancelling the future withdraws the request.

        Raises:
            ClosedError: the scorer was closed.
            OverloadedError: more than `max_queued` documents would wait.
        """
        self._check_open()
        request = Request(
            owner=self._lease, query=query, texts=texts, limits=self._limits, convert=self._convert
        )
        self._lease.scheduler.submit(request, self._max_queued)
        return request.future

    def warm_up(self) -> Future[None]:
        """Start loading the model and return a future that is done when the model is loaded.

        Raises:
            ClosedError: the scorer was closed.
        """
        self._check_open()
        return self._lease.scheduler.load()

    @property
    def spec(self) -> RerankerSpec:
        """Spec of the model: the files found under its name and how they are run."""
        return self._lease.model.spec

    @property
    def rows_run(self) -> int:
        """Number of pairs that the shared model has run since it was created."""
        return self._lease.model.rows_run

    def close(self) -> None:
        """Release the model. Waiting requests of this scorer fail with `ClosedError`."""
        self._closed = True
        self._lease.release()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"the scorer of {self.name} is closed")

    def _convert(self, rows: Float32, counts: Counts) -> Scores:
        spec = self._lease.model.spec
        if rows.shape[1] != spec.num_labels:
            raise ScoreError(
                f"{self.name} gave {rows.shape[1]} values a pair where {spec.num_labels} were due"
            )
        # The softmax of two labels equals the sigmoid of their difference, so the difference serves as the
        # logit.
        own = rows[:, spec.positive]
        logits = own if spec.num_labels == 1 else own - rows[:, 1 - spec.positive]
        bad = np.flatnonzero(~np.isfinite(logits))
        if len(bad):
            raise ScoreError(
                f"{self.name} gave {logits[bad[0]]} for document {bad[0]} ({len(bad)} of {len(logits)} are "
                f"not finite) in {spec.dtype}; dtype='float32' may help"
            )
        scores = Scores(
            values=logits,
            kind="logit",
            truncated=counts.truncated,
            empty=counts.empty,
            repaired=counts.repaired,
            query_truncated=counts.query_truncated,
            dtype=spec.computed.dtype,
        )
        # Logits still differ where probabilities round to one, so ranking code sorts logits and converts
        # them afterwards.
        return _raw(replace(scores, values=own), spec) if self._kind == "raw" else scores


def _raw(own: Scores, spec: RerankerSpec) -> Scores:
    """Return the raw scores that `CrossEncoder.predict` gives.

    For a model with two labels, this is the value of the label that means relevance.
    """
    return replace(own if spec.activation == "identity" else own.to("probability"), kind="raw")
