"""Patching of all models of this process with fakes, for tests of components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pertinence.embedder import Embedder
from pertinence.integration import Options
from pertinence.reranker import Reranker
from pertinence.scorer import ScoreKindName, Scorer, Scores
from pertinence.testing.fake import FakeModel, FakeScorer, FakeVectoriser
from pertinence.vectors import Embeddings, Role, Vectoriser

__all__ = ["embedding_with", "scoring_with"]


@contextmanager
def scoring_with(scorer: FakeScorer) -> Iterator[list[Options]]:
    """Make every reranker created in this process score with `scorer`, while the context is open.

    No model is loaded. The context yields a list of the options of the created rerankers, in order: the
    options that an adapter requested.
    """
    made: list[Options] = []
    setup = Reranker._setup

    def setup_with_fake(self: Reranker, options: Options, given: Scorer | None) -> None:
        made.append(options)
        setup(self, options, given or _BorrowedScorer(scorer, options.score_kind))

    with patch.object(Reranker, "_setup", setup_with_fake):
        yield made


@contextmanager
def embedding_with(vectoriser: FakeVectoriser) -> Iterator[list[Options]]:
    """Make every embedder created in this process embed with `vectoriser`, while the context is open.

    The context yields a list of the options of the created embedders, in order.
    """
    made: list[Options] = []
    setup = Embedder._setup

    def setup_with_fake(self: Embedder, options: Options, given: Vectoriser | None) -> None:
        made.append(options)
        setup(self, options, given or _BorrowedVectoriser(vectoriser))

    with patch.object(Embedder, "_setup", setup_with_fake):
        yield made


class _Borrowed:
    """Wrapper of a shared fake that cannot close it."""

    def __init__(self, model: FakeModel[Any]) -> None:
        self._model = model
        self.name = model.name

    def warm_up(self) -> Future[None]:
        return self._model.warm_up()

    def close(self) -> None:
        return None


class _BorrowedScorer(_Borrowed):
    """Wrapper of a shared scorer for one reranker, with the score kind of that reranker."""

    def __init__(self, scorer: FakeScorer, kind: ScoreKindName) -> None:
        super().__init__(scorer)
        self._scorer = scorer
        self._kind = kind

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        return self._scorer.submit_as(self._kind, query, texts)


class _BorrowedVectoriser(_Borrowed):
    """Wrapper of a shared vectoriser for one embedder."""

    def __init__(self, vectoriser: FakeVectoriser) -> None:
        super().__init__(vectoriser)
        self._vectoriser = vectoriser
        self.dims = vectoriser.dims

    def prompt(self, role: Role) -> str:
        return self._vectoriser.prompt(role)

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        return self._vectoriser.submit(role, texts)
