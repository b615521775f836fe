"""BM25 retrieval over the corpus with bm25s, for the first stage when a collection has no run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from pertinence.errors import MissingExtraError
from pertinence.evaluation.checkpoint import Ranked
from pertinence.evaluation.collection import Corpus

__all__ = ["Bm25", "words"]

_WORD = re.compile(r"\w+")


class Bm25:
    """In-memory BM25 index over one corpus.

    Attributes:
        parameters: BM25 parameters, the same as in Anserini and in the runs that come with many collections.
    """

    parameters: ClassVar[Mapping[str, Any]] = {"k1": 0.9, "b": 0.4, "method": "lucene"}

    def __init__(self, corpus: Corpus) -> None:
        bm25s = _bm25s()
        self._ids: list[str] = []
        split: list[list[str]] = []
        for key, text in corpus:
            self._ids.append(key)
            split.append(words(text))
        self._index = bm25s.BM25(**self.parameters)
        self._index.index(split, show_progress=False)
        self._known = set(self._index.vocab_dict)

    def search(self, queries: Iterable[tuple[str, str]], top: int) -> Iterator[Ranked]:
        """Return the `top` passages of each query (id and text) that share a word with it.

        Passages with equal scores keep the corpus order.
        """
        for query, text in queries:
            asked = [word for word in words(text) if word in self._known]
            scores = self._index.get_scores(asked) if asked else np.zeros(len(self._ids), dtype=np.float32)
            order = np.argsort(-scores, kind="stable")[:top]
            order = order[scores[order] > 0]
            yield Ranked(
                query=query,
                passages=tuple(self._ids[place] for place in order),
                scores=tuple(scores[order].tolist()),
            )


def words(text: str) -> list[str]:
    """Split a text into runs of letters and digits, case-folded and without accents.

    There is no stemming and no stop word list, so it works the same for any language.
    """
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(each for each in folded if not unicodedata.combining(each)))


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise MissingExtraError.of("a first stage by BM25", "evaluation") from error
    return bm25s
