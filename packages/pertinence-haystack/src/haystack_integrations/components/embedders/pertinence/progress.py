"""A bar that says how far a run is."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm  # type: ignore[import-untyped]

from pertinence import Embedder

__all__ = ["following"]

_SECONDS = 0.1


@contextmanager
def following(embedder: Embedder, texts: Sequence[str], *, shown: bool) -> Iterator[None]:
    """
    Inside, a bar follows the embedder's work; what others have the same model do counts too.

    :param texts: What is embedded; of equal ones the model runs one.
    :param shown: Without it, nothing is done.
    """
    if not shown:
        yield
        return
    different, before, over = len(set(texts)), embedder.rows_run, threading.Event()

    def follow() -> None:
        while not over.wait(_SECONDS):
            bar.update(min(embedder.rows_run - before, different) - bar.n)

    with tqdm(total=different, desc="Calculating embeddings") as bar:
        follower = threading.Thread(target=follow, name="pertinence-progress", daemon=True)
        follower.start()
        try:
            yield
        finally:
            over.set()
            follower.join()
        bar.update(different - bar.n)
