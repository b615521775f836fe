"""Training steps as data: which question meets which passages at step n, a function of the seed alone."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recipe import data
from recipe.questions import excerpt, vary

# How sharp the bi-encoder's judgement is where it counts.
SHARPNESS = 12.0
# What a first stage commonly hands on, and what the scores are meant to be honest about.
CANDIDATES = 20
# A wrong passage so many places down is drawn half as often as the first.
EVENNESS = 4


@dataclass(frozen=True, kw_only=True)
class Group:
    """One question and some of its candidates.

    Attributes:
        target: how likely each passage is the best of them; sums to 1.
        relevant: whether a passage answers the question, 0 or 1.
        stands_for: how many of the question's candidates each passage stands for; sums to 1.
    """

    source: str
    query: str
    passages: tuple[str, ...]
    target: tuple[float, ...]
    relevant: tuple[float, ...]
    stands_for: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingSets:
    """French and English questions to learn from, and those kept apart for the calibration.

    Attributes:
        piaf: without candidates from `dev` articles: one that is always a wrong answer is learnt as such.
        piaf_pool: passages of the articles that are learnt from -> their article.
    """

    piaf: data.Collection
    piaf_pool: dict[str, str]
    piaf_train: tuple[str, ...]
    piaf_held_out: tuple[str, ...]
    epqa: data.Collection
    epqa_train: tuple[str, ...]
    epqa_held_out: tuple[str, ...]


def training_sets() -> TrainingSets:
    """Split by article in French and by question in English, by a hash that no run can change."""
    piaf, epqa = data.load("piaf-fr", "train"), data.load("epqa-en", "train")
    titles = {piaf.titles[p] for judged in piaf.qrels.values() for p in judged}
    piaf_held = {q for q in piaf.queries if data.held_out(piaf.titles[next(iter(piaf.qrels[q]))])}
    epqa_held = {q for q in epqa.queries if data.held_out(q)}
    ours = {q: [p for p in found if piaf.titles[p] in titles] for q, found in piaf.candidates.items()}
    return TrainingSets(
        piaf=replace(piaf, candidates=ours),
        piaf_pool={p: t for p, t in piaf.titles.items() if t in titles and not data.held_out(t)},
        piaf_train=tuple(q for q in piaf.queries if q not in piaf_held),
        piaf_held_out=tuple(q for q in piaf.queries if q in piaf_held),
        epqa=epqa,
        epqa_train=tuple(q for q in epqa.queries if q not in epqa_held and _has_contrast(epqa.qrels[q])),
        epqa_held_out=tuple(q for q in epqa.queries if q in epqa_held),
    )


class Groups:
    """Every prepared question, and the groups of each step.

    Args:
        sources: those to read; None is all.
        negatives: how many wrong passages a question meets.
        excerpts: share of the questions whose passages are cut.
        varied: share of the questions that are changed as someone in a hurry types.
        soft: share of the bi-encoder's judgement in what a documented function or a twin teaches.
        titles: share of the questions whose passages come with the title of their article, on a line of its
            own before the text, as retrieval sets and search engines hand them on.
        natural: weigh each passage by how many candidates it stands for, rather than all alike: the right
            one is drawn every time, a wrong one now and then.
    """

    def __init__(
        self,
        file: Path,
        *,
        seed: int,
        sources: Collection[str] | None = None,
        negatives: int = 5,
        excerpts: float = 0.7,
        varied: float = 0.5,
        soft: float = 0.5,
        titles: float = 0.5,
        natural: bool = True,
    ) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if sources is None or row["source"] in sources:
                    self._rows.setdefault(row["source"], []).append(row)
        self._seed, self._negatives = seed, negatives
        self._excerpts, self._varied, self._soft = excerpts, varied, soft
        self._titles, self._natural = titles, natural

    def at(self, counts: Mapping[str, int], step: int) -> list[Group]:
        """The groups of one step, the same for every run with the same seed.

        A run that is cut and continued therefore sees what an uninterrupted one sees.

        Args:
            counts: of each source, how many every step takes.
        """
        rng = random.Random(f"{self._seed}-{step}")
        return [
            self._group(row, rng)
            for source, count in counts.items()
            for row in self._slice(source, count * step, count)
        ]

    def _slice(self, source: str, begun: int, count: int) -> list[dict[str, Any]]:
        """Walk through the questions in an order shuffled anew each epoch."""
        rows = self._rows[source]
        chosen = []
        for position in range(begun, begun + count):
            epoch, offset = divmod(position, len(rows))
            order = list(range(len(rows)))
            random.Random(f"{self._seed}-{source}-{epoch}").shuffle(order)
            chosen.append(rows[order[offset]])
        return chosen

    def _group(self, row: dict[str, Any], rng: random.Random) -> Group:
        worth: list[float] = row["worth"]
        best = 0 if row["soft"] else rng.choice([i for i, w in enumerate(worth) if w == max(worth)])
        others = [i for i in range(len(worth)) if i != best and (row["soft"] or worth[i] < max(worth))]
        # What is put first is what is confused with the answer: taken more often.
        keys = [rng.random() ** (place + EVENNESS) for place in range(len(others))]
        drawn = sorted(range(len(others)), key=lambda place: -keys[place])[: self._negatives]
        chosen = [best, *(others[place] for place in drawn)]
        query = vary(row["query"], rng, self._varied)
        words = rng.randint(50, 110) if rng.random() < self._excerpts else 230
        passages = [excerpt(row["passages"][i], row["query"], words, rng) for i in chosen]
        if row["titles"] and rng.random() < self._titles:
            passages = [f"{row['titles'][i]}\n{text}" for i, text in zip(chosen, passages, strict=True)]
        target, relevant = _target([worth[i] for i in chosen], self._soft if row["soft"] else None)
        missing = self._negatives + 1 - len(chosen)
        stands_for = [1.0] * (self._negatives + 1)
        if self._natural:
            right = len(worth) - len(others)
            stands_for = [float(right), *_stand_for(drawn, len(others), CANDIDATES - right), *[0.0] * missing]
        for _ in range(missing):
            other = rng.choice(self._rows[row["source"]])
            passages.append(other["passages"][0] if other is not row else "")
        return Group(
            source=row["source"],
            query=query,
            passages=tuple(passages),
            target=(*target, *[0.0] * missing),
            relevant=(*relevant, *[0.0] * missing),
            stands_for=tuple(each / sum(stands_for) for each in stands_for),
        )


def _target(worth: Sequence[float], soft: float | None) -> tuple[list[float], list[float]]:
    """How likely each passage is the best, and how relevant it is by itself (0 to 1)."""
    if soft is not None:
        raised = [math.exp(SHARPNESS * (w - max(worth))) for w in worth]
        target = [soft * each / sum(raised) for each in raised]
        target[0] += 1 - soft
        return target, [1.0] + [0.0] * (len(worth) - 1)
    gains = [2.0**w - 1 for w in worth]
    return [gain / sum(gains) for gain in gains], [float(w > 0) for w in worth]


def _stand_for(drawn: Sequence[int], wrong: int, most: int) -> list[float]:
    """How many of the first `most` wrong passages each drawn place stands for.

    The rarer a place is drawn, the more (Horvitz and Thompson 1952); what is further down is no candidate.
    """
    chances = [1 / (place + EVENNESS) for place in range(wrong)]
    total = sum(chances)
    shares = [1 - (1 - chance / total) ** len(drawn) for chance in chances]
    weights = [1 / shares[place] if place < most else 0.0 for place in drawn]
    return [weight * min(wrong, most) / (sum(weights) or 1.0) for weight in weights]


def _has_contrast(judged: dict[str, int]) -> bool:
    return max(judged.values()) > 0
