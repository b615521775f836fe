"""`PertinenceCrossEncoder`: scores pairs, for any consumer of LangChain's `BaseCrossEncoder`."""

from __future__ import annotations

from typing import Any

from langchain_core.cross_encoders import BaseCrossEncoder

from langchain_pertinence.fields import SecretFields
from pertinence import InputError
from pertinence.components import RerankerFields
from pertinence.integration import check_query

__all__ = ["PertinenceCrossEncoder"]


class PertinenceCrossEncoder(SecretFields, RerankerFields, BaseCrossEncoder):
    """Cross-encoder that scores (query, text) pairs. To rerank documents, `PertinenceRerank` is simpler."""

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        """Return one score per (query, text) pair, in the order of the pairs; the queries may differ.

        Raises:
            InputError: a query is empty, or a text is not a string; the message names the pair's 0-based
                index.
            ModelError: the model cannot be found or loaded.
            EndpointError: the server cannot be reached, rejects the request, or fails.
        """
        places: dict[str, list[int]] = {}
        for place, pair in enumerate(text_pairs):
            places.setdefault(_query(place, pair), []).append(place)
        texts = [[text_pairs[place][1] for place in each] for each in places.values()]
        scores = [0.0] * len(text_pairs)
        rankings = self._opened().rank_many(list(places), texts)
        for each, ranking in zip(places.values(), rankings, strict=True):
            self._handle.log_notes(ranking)
            for item in ranking:
                scores[each[item.index]] = item.score
        return scores


def _query(place: int, pair: Any) -> str:
    """Check a pair and return its query."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InputError(f"pair {place} must be a query and a text")
    query, text = pair
    if not isinstance(text, str):
        raise InputError(f"pair {place}: its text must be a string, not {type(text).__name__}")
    try:
        return check_query(query)
    except InputError as error:
        raise InputError(f"pair {place}: {error}") from error
