"""Which texts a question is most easily answered by wrongly: those that share its words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

SAME = 0.75  # cosine above which two passages say the same
_AT_ONCE = 256  # questions: their rows of the table lie in memory


class SharedWords:
    """Texts by the weights of their words (tf-idf, accents folded)."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._vectorizer = TfidfVectorizer(strip_accents="unicode", token_pattern=r"\w+", sublinear_tf=True)
        self._texts = self._vectorizer.fit_transform(texts)

    def near(self, queries: Sequence[str]) -> Iterator[np.ndarray]:
        """Of each query, the cosine with every text: 0 where no word is shared."""
        for start in range(0, len(queries), _AT_ONCE):
            asked = self._vectorizer.transform(queries[start : start + _AT_ONCE])
            yield from (asked @ self._texts.T).toarray()

    def alike(self, place: int, others: Sequence[int]) -> np.ndarray:
        """The cosine of a text with some others."""
        return (self._texts[list(others)] @ self._texts[place].T).toarray()[:, 0]
