"""Progress bar of a run."""

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
    Show a progress bar for the embedder's work while the context is open.

    Texts that other callers submit to the same model count too.

    :param texts: The texts to embed; the model runs equal texts once.
    :param shown: If False, no bar is shown.
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
