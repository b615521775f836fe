"""Selection of the queries that a system improved or worsened most, with their passages, for the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pertinence.evaluation.checkpoint import Ranked
from pertinence.evaluation.collection import Collection
from pertinence.evaluation.results import Question, SystemResult

__all__ = ["SHOWN", "pick_questions"]

# For each system, the maximum number of queries that it won, and of queries that it lost.
SHOWN = 4


def pick_questions(
    systems: Sequence[SystemResult],
    rankings: Mapping[str, Iterable[Ranked]],
    collection: Collection,
    asked: Mapping[str, Mapping[str, int]],
    *,
    queries: Sequence[str],
    column: int,
    measure: str,
) -> tuple[Question, ...]:
    """Select the queries where the first system and each other system differ most.

    Args:
        systems: results of all systems; the others are compared with the first one.
        rankings: rankings by name of the system.
        collection: texts of the queries and passages.
        asked: query id -> judgments.
        queries: query ids, in the row order of the systems' values.
        column: column of the systems' values to compare.
        measure: name of the measure in this column.

    Returns:
        Up to `SHOWN` queries that each other system won, then up to `SHOWN` that it lost.
    """
    if len(systems) < 2:
        return ()
    base, *others = systems
    picked = {each.name: list(_furthest(base, each, column)) for each in others}
    wanted = {queries[place] for places in picked.values() for place in places}
    before = _of(rankings[base.name], wanted)
    questions = []
    for system in others:
        after = _of(rankings[system.name], wanted)
        for place in picked[system.name]:
            query = queries[place]
            values = float(base.values[place, column]), float(system.values[place, column])
            questions.append(
                _question(
                    collection,
                    asked[query],
                    (base.name, before.get(query, ())),
                    (system.name, after.get(query, ())),
                    query=query,
                    measure=measure,
                    values=values,
                )
            )
    return tuple(questions)


def _furthest(base: SystemResult, other: SystemResult, column: int) -> Iterator[int]:
    difference = other.values[:, column] - base.values[:, column]
    order = np.argsort(-difference, kind="stable")
    yield from (int(place) for place in order[:SHOWN] if difference[place] > 1e-9)
    yield from (int(place) for place in order[::-1][:SHOWN] if difference[place] < -1e-9)


def _of(rankings: Iterable[Ranked], wanted: set[str]) -> dict[str, tuple[str, ...]]:
    return {ranked.query: ranked.passages for ranked in rankings if ranked.query in wanted}


def _question(
    collection: Collection,
    grades: Mapping[str, int],
    first: tuple[str, tuple[str, ...]],
    second: tuple[str, tuple[str, ...]],
    *,
    query: str,
    measure: str,
    values: tuple[float, float],
) -> Question:
    (base, before), (system, after) = first, second
    better = after if values[1] > values[0] else before
    # Choose the relevant passage that made the difference: the better ranking's highest one.
    relevant = min(
        (passage for passage, grade in grades.items() if grade > 0),
        key=lambda passage: better.index(passage) if passage in better else len(better),
    )
    return Question(
        system=system,
        against=base,
        query=collection.queries[query],
        measure=measure,
        before=values[0],
        after=values[1],
        relevant=_text(collection, relevant),
        rank_before=_rank(before, relevant),
        rank_after=_rank(after, relevant),
        best_before=_text(collection, before[0]) if before else "",
        best_after=_text(collection, after[0]) if after else "",
    )


def _text(collection: Collection, passage: str) -> str:
    (text,) = collection.corpus.texts([passage])
    return text


def _rank(ranking: Sequence[str], passage: str) -> int | None:
    return ranking.index(passage) + 1 if passage in ranking else None
