"""Scorer that runs its model in a separate process, isolated from earlier compilations in this process.

On a processor with AMX, OpenVINO 2026.4 has a bug: in a process that has compiled a network in float32, it
compiles the bfloat16 form of the same network into one that cannot run. It also leaves the broken network
in the cache for other processes.
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

__all__ = ["SubprocessScorer"]


class SubprocessScorer:
    """Scorer that does the work of `LocalScorer` in another process, one request at a time.

    A call takes a fraction of a millisecond longer, because texts and scores go through a pipe. If the
    process dies, waiting requests fail with `concurrent.futures.process.BrokenProcessPool`.
    """

    def __init__(self, options: Options) -> None:
        self.name = options.model or DEFAULT_MODEL
        # Spawn the process: a forked one would inherit the networks compiled here, and locks that no thread
        # of it ever releases.
        self._pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_open, initargs=(options,)
        )

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Send the request to the process and return at once."""
        return self._pool.submit(_score, query, list(texts))

    def warm_up(self) -> Future[None]:
        """Start loading the model and return a future that is done when the model is loaded."""
        return self._pool.submit(_warm_up)

    @property
    def spec(self) -> RerankerSpec:
        """Spec of the model: the files found under its name and how they are run.

        Reading it waits until the model is loaded.
        """
        return self._pool.submit(_spec).result()

    def died(self) -> bool:
        """Check whether the process has ended unexpectedly."""
        try:
            self._pool.submit(_nothing)
        except BrokenProcessPool:
            return True
        return False

    def close(self) -> None:
        """End the process after the request that it is working on; cancel the requests that wait."""
        self._pool.shutdown(cancel_futures=True)


# The code below runs in the other process, which holds one scorer.
_scorer: LocalScorer | None = None


def _open(options: Options) -> None:
    global _scorer
    # Ignore Ctrl-C here: it interrupts the parent process, which then ends this one in an orderly way. If
    # the parent is killed, this process ends with it.
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
