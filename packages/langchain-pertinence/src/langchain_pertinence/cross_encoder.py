"""`PertinenceCrossEncoder`: scores of pairs, for whatever takes LangChain's `BaseCrossEncoder`."""

from __future__ import annotations

from langchain_core.cross_encoders import BaseCrossEncoder

from langchain_pertinence.fields import SecretFields
from pertinence.components import RerankerFields

__all__ = ["PertinenceCrossEncoder"]


class PertinenceCrossEncoder(SecretFields, RerankerFields, BaseCrossEncoder):
    """Scores (query, text) pairs; to rerank documents, `PertinenceRerank` is the shorter way."""

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        """One score per (query, text) pair, in the order of the pairs; the queries may differ.

        Raises:
            InputError: a query is empty, or a text is not a string.
            ModelError: the model cannot be found or loaded.
        """
        places: dict[str, list[int]] = {}
        for place, (query, _) in enumerate(text_pairs):
            places.setdefault(query, []).append(place)
        texts = [[text_pairs[place][1] for place in each] for each in places.values()]
        scores = [0.0] * len(text_pairs)
        rankings = self._opened().rank_many(list(places), texts)
        for each, ranking in zip(places.values(), rankings, strict=True):
            for item in ranking:
                scores[each[item.index]] = item.score
        return scores
