"""Progress bar on standard error, for work that takes more than a moment."""

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
    """Show a bar that follows `done()` up to `total` while the block runs, if standard error is a terminal.

    The bar only observes. The work is still submitted in one piece, so its result is the same with and
    without the bar.

    Args:
        done: returns the number of finished items; called from a separate thread.
        total: total number of items; None if it is not known yet.
        shown_after: seconds before the bar appears.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm  # type: ignore[import-untyped]

    ended = threading.Event()
    # miniters=0 redraws the bar even if nothing was done since, so that its clock keeps running.
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
