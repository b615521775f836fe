"""`Reranker`: puts documents in order of relevance to a query, synchronously or asynchronously."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar, Unpack

import numpy as np

from pertinence.engines import open_scorer
from pertinence.errors import InputError
from pertinence.lifecycle import Opened, wait
from pertinence.options import Options, OptionValues
from pertinence.ranking import Ranking, check_scores, check_threshold, check_top_k, rank_scores
from pertinence.scorer import Float32, ScoreKind, ScoreKindName, Scorer, Scores
from pertinence.texts import Affixed, check_documents, check_query, extract_texts, is_empty

__all__ = ["Reranker"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Job(Generic[T]):
    """Submitted query, with everything needed to turn its scores into a ranking."""

    query: str
    documents: tuple[T, ...]
    empty: int
    future: Future[Scores]
    model: str
    kind: ScoreKindName
    top_k: int | None
    threshold: float | None

    def finish(self, scores: Scores) -> Ranking[T]:
        return rank_scores(
            self.query,
            self.documents,
            replace(scores, empty=self.empty),
            model=self.model,
            kind=self.kind,
            top_k=self.top_k,
            threshold=self.threshold,
        )

    def values(self, scores: Scores) -> Float32:
        check_scores(scores, len(self.documents), self.model)
        return scores.to(self.kind).values


class Reranker(Opened[Scorer]):
    """Reranker: puts documents in order of relevance to a query.

    With `base_url`, a server scores. Otherwise the model is loaded on first use (or by `warm_up`) and shared
    with every other reranker of this process that names the same model. All methods may be called from any
    thread and any event loop.

    Args:
        model: a folder, a name on the hub, or None for the embedded default; with `base_url`, the server's
            name for it.
        **options: every field of `pertinence.integration.Options`.

    Raises:
        OptionError: an option does not exist, or a value is not accepted.
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, **options: Unpack[OptionValues]) -> None:
        self._setup(Options.of({"model": model, **options}), None)

    @classmethod
    def from_scorer(cls, scorer: Scorer, options: Options | None = None) -> Self:
        """Create a reranker over your own scorer. Closing the reranker closes the scorer.

        Only the options that control ranking are used: prefixes, suffixes, score kind, `top_k`, `threshold`.
        """
        reranker = cls.__new__(cls)
        reranker._setup(options or Options(), scorer)
        return reranker

    def _setup(self, options: Options, engine: Scorer | None) -> None:
        super()._setup(options, engine)
        self._owns_scorer = engine is not None
        if engine is None and options.base_url is not None:
            self._open()  # report errors such as an unknown dialect now; nothing is sent yet

    def rank(
        self,
        query: str,
        documents: Sequence[T],
        top_k: int | None = None,
        threshold: float | None = None,
        *,
        text: Callable[[T], str] | None = None,
    ) -> Ranking[T]:
        """Put documents in order of relevance, best first; ties keep the input order.

        Args:
            query: the query.
            documents: strings, or objects from which `text` reads a string.
            top_k: how many to keep; None takes the reranker's own `top_k`.
            threshold: keep scores greater than or equal to it; None takes the reranker's own.
            text: function that returns the text of a document; not needed for strings.

        Raises:
            InputError: the query is empty, a document is not a string, or a value is out of range.
            ModelError: the model cannot be found or loaded.
            EndpointError: the server cannot be reached, rejects the request, or fails.
            ScoreError: there is not one finite score per document.
            OverloadedError: more than `max_queued` documents would wait for the model.
            ClosedError: the reranker was closed.
        """
        job = self._job(query, documents, top_k, threshold, text)
        return job.finish(wait(job.future))

    async def arank(
        self,
        query: str,
        documents: Sequence[T],
        top_k: int | None = None,
        threshold: float | None = None,
        *,
        text: Callable[[T], str] | None = None,
    ) -> Ranking[T]:
        """Run `rank` without blocking the event loop. Cancelling the task withdraws the request."""
        job = self._job(query, documents, top_k, threshold, text)
        return job.finish(await asyncio.wrap_future(job.future))

    def rank_many(
        self,
        queries: Sequence[str],
        documents: Sequence[Sequence[T]],
        top_k: int | None = None,
        threshold: float | None = None,
        *,
        text: Callable[[T], str] | None = None,
    ) -> list[Ranking[T]]:
        """Rank one list of documents per query; `documents` holds the lists in the order of the queries.

        All queries are submitted at once, so that short lists share the model's batches.
        """
        jobs: list[_Job[T]] = []
        try:
            jobs.extend(self._jobs(queries, documents, top_k, threshold, text))
            return [job.finish(job.future.result()) for job in jobs]
        except BaseException:
            for job in jobs:
                job.future.cancel()
            raise

    async def arank_many(
        self,
        queries: Sequence[str],
        documents: Sequence[Sequence[T]],
        top_k: int | None = None,
        threshold: float | None = None,
        *,
        text: Callable[[T], str] | None = None,
    ) -> list[Ranking[T]]:
        """Run `rank_many` without blocking the event loop."""
        jobs: list[_Job[T]] = []
        try:
            jobs.extend(self._jobs(queries, documents, top_k, threshold, text))
            scores = await asyncio.gather(*(asyncio.wrap_future(job.future) for job in jobs))
        except BaseException:
            for job in jobs:
                job.future.cancel()
            raise
        return [job.finish(each) for job, each in zip(jobs, scores, strict=True)]

    def score(self, query: str, documents: Sequence[T], *, text: Callable[[T], str] | None = None) -> Float32:
        """Return the scores as float32 of shape (documents,), in input order."""
        job = self._job(query, documents, None, None, text)
        return job.values(wait(job.future))

    async def ascore(
        self, query: str, documents: Sequence[T], *, text: Callable[[T], str] | None = None
    ) -> Float32:
        """Run `score` without blocking the event loop."""
        job = self._job(query, documents, None, None, text)
        return job.values(await asyncio.wrap_future(job.future))

    def __reduce__(self) -> tuple[Callable[[Options], Any], tuple[Options]]:
        if self._owns_scorer:
            raise TypeError("a reranker made from a scorer cannot be copied or pickled: make it from options")
        return super().__reduce__()

    def _make_engine(self, options: Options) -> Scorer:
        return open_scorer(options)

    def _submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        options = self._options
        scorer = self._open()
        if not texts:
            return _nothing(options)
        if options.query_prefix or options.query_suffix:
            query = f"{options.query_prefix}{query}{options.query_suffix}"
        if options.document_prefix or options.document_suffix:
            texts = Affixed(options.document_prefix, texts, options.document_suffix)
        return scorer.submit(query, texts)

    def _job(
        self,
        query: str,
        documents: Sequence[T],
        top_k: int | None,
        threshold: float | None,
        text: Callable[[T], str] | None,
    ) -> _Job[T]:
        kept = check_top_k(top_k)
        least = check_threshold(threshold)
        checked = check_query(query)
        own = check_documents(documents)
        texts = extract_texts(own, text)
        return self._queued(checked, own, texts, kept, least)

    def _jobs(
        self,
        queries: Sequence[str],
        documents: Sequence[Sequence[T]],
        top_k: int | None,
        threshold: float | None,
        text: Callable[[T], str] | None,
    ) -> Iterator[_Job[T]]:
        """Yield one submitted job per query.

        All queries and documents are checked before the first query is submitted.
        """
        kept, least = check_top_k(top_k), check_threshold(threshold)
        lists = check_documents(documents)
        asked = check_documents(queries)
        if len(asked) != len(lists):
            raise InputError(f"{len(asked)} queries but {len(lists)} lists of documents")
        checked: list[tuple[str, tuple[T, ...], list[str]]] = []
        for place, (query, each) in enumerate(zip(asked, lists, strict=True)):
            try:
                own = check_documents(each)
                checked.append((check_query(query), own, extract_texts(own, text)))
            except InputError as error:
                raise InputError(f"query {place}: {error}") from error
        for query, own, texts in checked:
            yield self._queued(query, own, texts, kept, least)

    def _queued(
        self,
        query: str,
        documents: tuple[T, ...],
        texts: list[str],
        top_k: int | None,
        threshold: float | None,
    ) -> _Job[T]:
        return _Job(
            query=query,
            documents=documents,
            empty=sum(map(is_empty, texts)),
            future=self._submit(query, texts),
            model=self._open().name,
            kind=self._options.score_kind,
            top_k=self._options.top_k if top_k is None else top_k,
            threshold=self._options.threshold if threshold is None else threshold,
        )


def _nothing(options: Options) -> Future[Scores]:
    """Return the answer to a query without documents, which needs no model."""
    future: Future[Scores] = Future()
    kind: ScoreKind = "probability" if options.score_kind == "auto" else options.score_kind
    future.set_result(Scores(values=np.empty(0, dtype=np.float32), kind=kind))
    return future
