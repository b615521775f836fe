"""Training steps as data: which question meets which passages at step n, a function of the seed alone."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from recipe.data import Collection, load

HELD_OUT_SHARE = 0.06


@dataclass(frozen=True, kw_only=True)
class Group:
    """One question with its positive passage first and the negatives after it."""

    query: str
    passages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingSets:
    """French and English questions to learn from, and those kept apart for the calibration."""

    piaf: Collection
    piaf_train: tuple[str, ...]
    piaf_held_out: tuple[str, ...]
    epqa: Collection
    epqa_train: tuple[str, ...]
    epqa_held_out: tuple[str, ...]


def training_sets() -> TrainingSets:
    """Split by article in French and by question in English, by a hash that no run can change."""
    piaf, epqa = load("piaf-fr", "train"), load("epqa-en", "train")
    piaf_held = {q for q in piaf.queries if _held_out(piaf.titles[next(iter(piaf.qrels[q]))])}
    epqa_held = {q for q in epqa.queries if _held_out(q)}
    return TrainingSets(
        piaf=piaf,
        piaf_train=tuple(q for q in piaf.queries if q not in piaf_held),
        piaf_held_out=tuple(q for q in piaf.queries if q in piaf_held),
        epqa=epqa,
        epqa_train=tuple(q for q in epqa.queries if q not in epqa_held and _has_contrast(epqa.qrels[q])),
        epqa_held_out=tuple(q for q in epqa.queries if q in epqa_held),
    )


def step_groups(
    sets: TrainingSets, step: int, *, seed: int, french: int, english: int, negatives: int
) -> list[Group]:
    """The questions of one step, the same for every run with the same seed.

    A run that is cut and continued therefore sees what an uninterrupted one sees.
    """
    rng = random.Random(f"{seed}-{step}")
    groups = [
        _piaf_group(sets, query, rng, negatives)
        for query in _epoch_slice(sets.piaf_train, step, french, seed)
    ]
    groups += [
        _epqa_group(sets, query, rng, negatives)
        for query in _epoch_slice(sets.epqa_train, step, english, seed)
    ]
    return groups


def _piaf_group(sets: TrainingSets, query: str, rng: random.Random, negatives: int) -> Group:
    data = sets.piaf
    judged = data.qrels[query]
    positive = rng.choice(sorted(judged))
    # The first 30 hold what BM25 confuses with the answer; deeper ones teach little.
    hard = [p for p in data.candidates[query][:30] if p not in judged]
    chosen = rng.sample(hard, negatives)
    return Group(
        query=data.queries[query],
        passages=tuple(data.passages[p] for p in (positive, *chosen)),
    )


def _epqa_group(sets: TrainingSets, query: str, rng: random.Random, negatives: int) -> Group:
    data = sets.epqa
    judged = data.qrels[query]
    best = max(judged.values())
    positive = rng.choice(sorted(p for p, grade in judged.items() if grade == best))
    # Unjudged candidates of the question are not known to be wrong; ungraded means 0 in this set.
    worse = [p for p in data.candidates[query] if judged.get(p, 0) < best]
    chosen = rng.sample(worse, min(negatives, len(worse)))
    while len(chosen) < negatives:
        other = rng.choice(sets.epqa_train)
        if other != query:
            chosen.append(rng.choice(data.candidates[other]))
    return Group(
        query=data.queries[query],
        passages=tuple(data.passages[p] for p in (positive, *chosen)),
    )


def _epoch_slice(queries: Sequence[str], step: int, count: int, seed: int) -> list[str]:
    """Walk through `queries` in an order shuffled anew each epoch."""
    chosen = []
    for position in range(step * count, (step + 1) * count):
        epoch, offset = divmod(position, len(queries))
        order = list(range(len(queries)))
        random.Random(f"{seed}-epoch-{epoch}").shuffle(order)
        chosen.append(queries[order[offset]])
    return chosen


def _has_contrast(judged: dict[str, int]) -> bool:
    return max(judged.values()) > 0


def _held_out(key: str) -> bool:
    return (zlib.crc32(key.encode("utf-8")) % 1000) < HELD_OUT_SHARE * 1000
