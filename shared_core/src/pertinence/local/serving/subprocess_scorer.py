"""A model in a process of its own, where nothing that was compiled before can disturb it.

OpenVINO 2026.4, on a processor with AMX, compiles a bfloat16 network that cannot run in a process that has
compiled the same network in float32, and leaves it in the cache for others.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process

from pertinence.local.selection.reranker_spec import DEFAULT_MODEL, RerankerSpec
from pertinence.local.serving.scorer import LocalScorer
from pertinence.options import Options
from pertinence.scorer import Scores

__all__ = ["ApartScorer"]


class ApartScorer:
    """What `LocalScorer` does, in another process, one request after the other.

    A call takes a fraction of a millisecond longer, for texts and scores go through a pipe. If the process
    dies, what waits for it is answered with `concurrent.futures.process.BrokenProcessPool`.
    """

    def __init__(self, options: Options) -> None:
        self.name = options.model or DEFAULT_MODEL
        # Spawned: a fork would inherit what is compiled here, and locks that nobody there gives back.
        self._pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_open, initargs=(options,)
        )

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Send the request and return at once."""
        return self._pool.submit(_score, query, list(texts))

    def warm_up(self) -> Future[None]:
        """A future that is done when the model is loaded."""
        return self._pool.submit(_warm_up)

    @property
    def spec(self) -> RerankerSpec:
        """What was found under the model's name and how it is run; waits until it is loaded."""
        return self._pool.submit(_spec).result()

    def died(self) -> bool:
        """Whether the process has ended, which nobody asked of it."""
        try:
            self._pool.submit(_nothing)
        except BrokenProcessPool:
            return True
        return False

    def close(self) -> None:
        """End the process, once it has answered what it works on."""
        self._pool.shutdown(cancel_futures=True)


# What follows runs in the other process, which holds one scorer.
_scorer: LocalScorer | None = None


def _open(options: Options) -> None:
    global _scorer
    # Whoever interrupts the command interrupts its first process, which ends this one in order; and where
    # that is killed, this one ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _scorer = LocalScorer(options)


def _end_with_parent() -> None:
    first = parent_process()
    assert first is not None
    first.join()
    os._exit(1)


def _nothing() -> None:
    pass


def _score(query: str, texts: Sequence[str]) -> Scores:
    assert _scorer is not None
    return _scorer.submit(query, texts).result()


def _warm_up() -> None:
    assert _scorer is not None
    _scorer.warm_up().result()


def _spec() -> RerankerSpec:
    _warm_up()
    assert _scorer is not None
    return _scorer.spec
