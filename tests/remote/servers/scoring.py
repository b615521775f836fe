"""What every fake scores: a plain function of the query and the text, with no ties to speak of."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable, Sequence

__all__ = ["DIMS", "Score", "logit", "order", "probability", "tokens", "vector"]

Score = Callable[[str, str], float]

DIMS = 8


def logit(query: str, text: str) -> float:
    """Words that query and text share count most; a checksum keeps other texts apart."""
    asked, said = set(query.lower().split()), set(text.lower().split())
    shared = len(asked & said) / len(asked) if asked else 0.0
    return 4.0 * shared - 2.0 + zlib.crc32(f"{query}\0{text}".encode()) / 2**32


def probability(query: str, text: str) -> float:
    """The sigmoid of `logit`."""
    return 1.0 / (1.0 + math.exp(-logit(query, text)))


def order(query: str, texts: Sequence[str], score: Score = probability) -> list[tuple[int, float]]:
    """Index and score of every text, best first, as servers that sort write them."""
    scored = [(index, score(query, text)) for index, text in enumerate(texts)]
    return sorted(scored, key=lambda pair: -pair[1])


def vector(text: str) -> list[float]:
    """`DIMS` numbers from the text's hash, of length one."""
    raw = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMS]]
    length = math.sqrt(sum(value * value for value in raw))
    return [value / length for value in raw]


def tokens(*texts: str) -> int:
    """A count that only has to be plausible: words."""
    return sum(len(text.split()) for text in texts)
