"""A progress bar on standard error, for work that takes long enough to wonder about."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["following"]

_SHOWN_AFTER = 1.0
_LOOKED_AT_EVERY = 0.1


@contextmanager
def following(
    done: Callable[[], int], total: int | None, *, shown_after: float = _SHOWN_AFTER
) -> Iterator[None]:
    """Inside, a bar follows `done()` up to `total`, if standard error is a terminal.

    It only looks on: the work is handed over in one piece, so its result is the same with and without.

    Args:
        done: how many are done; called from a thread of its own.
        total: how many there are; None if nobody knows yet.
        shown_after: seconds before which no bar is shown.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm  # type: ignore[import-untyped]

    ended = threading.Event()
    # miniters=0: drawn again even where nothing was done since, so that its clock runs.
    with tqdm(
        total=total, unit="passage", delay=shown_after, miniters=0, leave=False, file=sys.stderr
    ) as bar:

        def look() -> None:
            while not ended.wait(_LOOKED_AT_EVERY):
                bar.update(done() - bar.n)

        looking = threading.Thread(target=look, name="pertinence-progress", daemon=True)
        looking.start()
        try:
            yield
        finally:
            ended.set()
            looking.join()
