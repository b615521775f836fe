"""The local wing: requests go to the shared model's scheduler, raw rows come back as scores."""

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
    """Scores with a model on this machine, shared through the pool and loaded on first use."""

    def __init__(self, options: Options) -> None:
        self._kind = options.score_kind
        self._max_queued = options.max_queued
        self._limits = PairLimits(max_length=options.max_length, truncation=options.truncation)
        self._lease = acquire(options, RerankerModel)
        self._lease.end_with(self)
        self._closed = False
        self.name = options.model or DEFAULT_MODEL

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Queue the request and return at once; cancelling the future withdraws it.

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
        """A future that is done when the model is loaded.

        Raises:
            ClosedError: the scorer was closed.
        """
        self._check_open()
        return self._lease.scheduler.load()

    @property
    def spec(self) -> RerankerSpec:
        """What was found under the model's name and how it is run."""
        return self._lease.model.spec

    @property
    def rows_run(self) -> int:
        """How many pairs the shared model has run since it was loaded."""
        return self._lease.model.rows_run

    def close(self) -> None:
        """Give the model back; requests of this scorer that wait are answered with `ClosedError`."""
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
        # The softmax of two labels is the sigmoid of their difference, so that is their logit.
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
        # Logits are told apart where probabilities round to one: whoever ranks converts after sorting.
        return _raw(replace(scores, values=own), spec) if self._kind == "raw" else scores


def _raw(own: Scores, spec: RerankerSpec) -> Scores:
    """What `CrossEncoder.predict` gives; of two numbers, that of the label which means relevance."""
    return replace(own if spec.activation == "identity" else own.to("probability"), kind="raw")
