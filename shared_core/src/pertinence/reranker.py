"""`Reranker`: documents in order of relevance to a query, synchronously or not."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar, Unpack

import numpy as np

from pertinence.errors import ClosedError, InputError
from pertinence.options import Options, OptionValues
from pertinence.ranking import Ranking, check_threshold, check_top_k, rank_scores
from pertinence.scorer import Float32, ScoreKind, Scorer, Scores
from pertinence.texts import check_query, extract_texts

__all__ = ["Reranker"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class _Job(Generic[T]):
    """One query on its way: what to make of the scores when they come."""

    query: str
    documents: Sequence[T]
    future: Future[Scores]
    model: str
    kind: ScoreKind
    top_k: int | None
    threshold: float | None

    def finish(self, scores: Scores) -> Ranking[T]:
        return rank_scores(
            self.query,
            self.documents,
            scores.to(self.kind),
            model=self.model,
            top_k=self.top_k,
            threshold=self.threshold,
        )


class Reranker:
    """Puts documents in order of relevance to a query.

    The model is loaded on first use (or by `warm_up`) and shared with every other reranker of this
    process that names the same one. All methods may be called from any thread and any event loop.

    Args:
        model: a folder, a name on the hub, or None for the embedded default.
        **options: every field of `pertinence.integration.Options`.

    Raises:
        OptionError: an option that does not exist, or a value that it does not take.
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, **options: Unpack[OptionValues]) -> None:
        self._setup(Options.of({"model": model, **options}), None)

    @classmethod
    def from_options(cls, options: Options) -> Self:
        """A reranker with these options."""
        reranker = cls.__new__(cls)
        reranker._setup(options, None)
        return reranker

    @classmethod
    def from_scorer(cls, scorer: Scorer, options: Options | None = None) -> Self:
        """A reranker over a scorer of your own, which it closes when it is closed.

        Of the options, those that say how to rank are used: affixes, kind, `top_k`, `threshold`.
        """
        reranker = cls.__new__(cls)
        reranker._setup(options or Options(), scorer)
        return reranker

    def _setup(self, options: Options, scorer: Scorer | None) -> None:
        self._options = options
        self._scorer = scorer
        self._owns_scorer = scorer is not None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def options(self) -> Options:
        """What this reranker was asked to be."""
        return self._options

    @property
    def model(self) -> str:
        """The model, as its user would name it."""
        return self._open().name

    def rank(
        self,
        query: str,
        documents: Sequence[T],
        top_k: int | None = None,
        threshold: float | None = None,
        *,
        text: Callable[[T], str] | None = None,
    ) -> Ranking[T]:
        """The documents in order of relevance, best first; ties keep the order they came in.

        Args:
            query: what is asked.
            documents: strings, or objects from which `text` reads a string.
            top_k: how many to keep; None takes the reranker's own `top_k`.
            threshold: keep scores greater than or equal to it; None takes the reranker's own.
            text: gives the text of a document; not needed for strings.

        Raises:
            InputError: the query is empty, a document is not a string, or a value is out of range.
            ModelError: the model cannot be found or loaded.
            ClosedError: the reranker was closed.
        """
        job = self._job(query, documents, top_k, threshold, text)
        return job.finish(_wait(job.future))

    async def arank(
        self,
        query: str,
        documents: Sequence[T],
        top_k: int | None = None,
        threshold: float | None = None,
        *,
        text: Callable[[T], str] | None = None,
    ) -> Ranking[T]:
        """`rank` for an event loop, which stays free meanwhile; cancelling it withdraws the work."""
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
        """One ranking per query; `documents` holds one list per query.

        All queries are handed to the model at once, so that short lists share its batches.
        """
        jobs = self._jobs(queries, documents, top_k, threshold, text)
        try:
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
        """`rank_many` for an event loop."""
        jobs = self._jobs(queries, documents, top_k, threshold, text)
        try:
            scores = await asyncio.gather(*(asyncio.wrap_future(job.future) for job in jobs))
        except BaseException:
            for job in jobs:
                job.future.cancel()
            raise
        return [job.finish(each) for job, each in zip(jobs, scores, strict=True)]

    def score(self, query: str, documents: Sequence[T], *, text: Callable[[T], str] | None = None) -> Float32:
        """Float32 scores of shape (documents,), in input order."""
        future = self._submit(check_query(query), extract_texts(documents, text))
        return _wait(future).to(self._options.score_kind).values

    async def ascore(
        self, query: str, documents: Sequence[T], *, text: Callable[[T], str] | None = None
    ) -> Float32:
        """`score` for an event loop."""
        future = self._submit(check_query(query), extract_texts(documents, text))
        return (await asyncio.wrap_future(future)).to(self._options.score_kind).values

    def warm_up(self) -> None:
        """Load the model now rather than on first use."""
        _wait(self._open().warm_up())

    async def awarm_up(self) -> None:
        """`warm_up` for an event loop."""
        await asyncio.wrap_future(self._open().warm_up())

    def close(self) -> None:
        """Give the model back; it is unloaded when no other reranker holds it. Closing twice is fine."""
        with self._lock:
            self._closed = True
            scorer, self._scorer = self._scorer, None
        if scorer is not None:
            scorer.close()

    async def aclose(self) -> None:
        """`close` for an event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> tuple[Callable[[Options], Self], tuple[Options]]:
        if self._owns_scorer:
            raise TypeError("a reranker made from a scorer cannot be copied or pickled: make it from options")
        # The model stays behind: the copy shares it through the pool, or loads it where it arrives.
        return type(self).from_options, (self._options,)

    def __repr__(self) -> str:
        changed = [
            f"{name}={value!r}"
            for name, value in self._options.to_dict().items()
            if value != getattr(Options(), name)
        ]
        return f"Reranker({', '.join(changed)})"

    def _open(self) -> Scorer:
        with self._lock:
            if self._closed:
                raise ClosedError("this reranker is closed")
            if self._scorer is None:
                from pertinence.local.scorer import LocalScorer

                self._scorer = LocalScorer(self._options)
            return self._scorer

    def _submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        options = self._options
        scorer = self._open()
        if not texts:
            return _nothing(options)
        if options.query_prefix or options.query_suffix:
            query = f"{options.query_prefix}{query}{options.query_suffix}"
        if options.document_prefix or options.document_suffix:
            texts = [f"{options.document_prefix}{text}{options.document_suffix}" for text in texts]
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
        return _Job(
            query=check_query(query),
            documents=documents,
            future=self._submit(query, extract_texts(documents, text)),
            model=self._open().name,
            kind=self._options.score_kind,
            top_k=self._options.top_k if kept is None else kept,
            threshold=self._options.threshold if least is None else least,
        )

    def _jobs(
        self,
        queries: Sequence[str],
        documents: Sequence[Sequence[T]],
        top_k: int | None,
        threshold: float | None,
        text: Callable[[T], str] | None,
    ) -> list[_Job[T]]:
        if isinstance(queries, str):
            raise InputError("queries must be a sequence of queries, not one query")
        if len(queries) != len(documents):
            raise InputError(f"{len(queries)} queries but {len(documents)} lists of documents")
        for index, (query, each) in enumerate(zip(queries, documents, strict=True)):
            try:
                check_query(query)
                extract_texts(each, text)
            except InputError as error:
                raise InputError(f"query {index}: {error}") from error
        return [
            self._job(query, each, top_k, threshold, text)
            for query, each in zip(queries, documents, strict=True)
        ]


def _nothing(options: Options) -> Future[Scores]:
    """The answer to a query without documents, which needs no model."""
    future: Future[Scores] = Future()
    future.set_result(Scores(values=np.empty(0, dtype=np.float32), kind=options.score_kind))
    return future


def _wait(future: Future[R]) -> R:
    """The result; a caller that is interrupted while waiting withdraws its request."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
