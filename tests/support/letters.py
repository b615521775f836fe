"""A model whose behaviour is the test's own: its tokens are letters, its score is a text's length."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from pertinence.local.batches.batching import Batch, Pair, pad
from pertinence.local.batches.pair_tokens import EncodedPair, PairLimits
from pertinence.local.serving.request import Counts, Request
from pertinence.scorer import Float32

__all__ = ["Letters", "request"]


class Letters:
    """Loaded, tokenised and run batch by batch at will: a hook stands before each.

    Attributes:
        runs: how many pairs each batch held.
    """

    workers = 1

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.before_load: Callable[[], None] = lambda: None
        self.before_run: Callable[[], None] = lambda: None
        self.before_encode: Callable[[str], None] = lambda text: None
        self.unloaded = threading.Event()

    def encode_query(self, query: str, limits: PairLimits) -> Letters:
        return self

    def pairs(self, texts: list[str]) -> list[EncodedPair]:
        for text in texts:
            self.before_encode(text)
        return [EncodedPair(np.full(len(text) + 2, 7, dtype=np.int32), 1, False) for text in texts]

    def start(self, pairs: list[Pair[Request[Float32]]], worker: int) -> Callable[[], Float32]:
        return lambda: self.run(pad(pairs, pad_id=0, text_type=0))

    def run(self, batch: Batch) -> Float32:
        self.before_run()
        self.runs.append(len(batch.ids))
        return batch.mask.sum(axis=1, keepdims=True).astype(np.float32) - 2

    def load(self, worker: int) -> None:
        self.before_load()

    def unload(self, worker: int) -> None:
        self.unloaded.set()

    def max_in_flight(self, worker: int) -> int:
        return 1

    def batch_tokens(self, worker: int) -> int:
        return 64

    def accepts_packed(self, worker: int) -> bool:
        return False


def request(*texts: str) -> Request[list[float]]:
    """A request whose answer is the length of each text."""

    def convert(rows: Float32, counts: Counts) -> list[float]:
        return [float(row) for row in rows[:, 0]]

    return Request(owner=None, query="q", texts=texts, limits=PairLimits(), convert=convert)
