"""A contender for a worker process that talks, fails and dies on demand."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchmarks.contenders.base import Contender


class Toy(Contender[Sequence[str], list[float]]):
    """Scores a text by its length."""

    def documents(self, texts: Sequence[str]) -> Sequence[str]:
        return texts

    def run(self, query: str, documents: Sequence[str]) -> list[float]:
        print("a library that prints between the answers")
        if query == "fail":
            raise ValueError("as it was asked to")
        if query == "die":
            os._exit(3)
        return [len(text) / 10 for text in documents]

    def values(self, result: list[float]) -> list[float]:
        return result


def opened(fail: bool = False) -> Toy:
    if fail:
        raise LookupError("no such engine\nand more that nobody reads")
    return Toy()
