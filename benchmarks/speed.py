"""Our backends against `sentence_transformers.CrossEncoder.predict`: one process, in turns, float32 on the
processor; on random weights in the shapes of real rerankers, and on the embedded default.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.clock import Times, interleaved
from benchmarks.engines import OURS, PEER, Score, engines
from benchmarks.machine import Use, cores, facts, wait_until_quiet
from benchmarks.models import DEFAULT, Model, prepared
from benchmarks.report import Report, Table, Target
from benchmarks.texts import Work, folder_of_data, length_mix, piaf
from pertinence.agreement import drift_over_spread, max_drift
from pertinence.scorer import Float32, ScoreKind

__all__ = ["measure"]

MODELS = ("mminilm-L6", "camembert-L2", DEFAULT)
ROUNDS = 7
PIAF_QUESTIONS = 3
# What a first stage commonly hands on, and all that the data holds of each question.
PIAF_CANDIDATES = 50
# Times faster than `predict`, and the most that a score may differ.
WANTED = {"torch": (2.0, 1e-5), "onnx": (3.5, 1e-4)}
COLUMNS = (
    "model",
    "engine",
    "median ms",
    "fastest to slowest",
    "pairs/s",
    "x predict",
    "lowest to highest",
    "drift",
    "of logits",
    "over spread",
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One model on one piece of work: who took how long, and how far the scores are from the peer's."""

    model: Model
    work: Work
    tokens: int
    times: dict[str, Times]
    scores: dict[str, dict[ScoreKind, Float32]]
    use: Use

    def faster(self, engine: str) -> float:
        """How many times faster than the peer: the median of the rounds' own ratios."""
        return float(np.median(self.times[engine].ratios(self.times[PEER])))

    def drift(self, engine: str, kind: ScoreKind) -> float:
        """The largest difference to one of the peer's scores."""
        return max_drift(self.scores[PEER][kind], self.scores[engine][kind])

    def over_spread(self, engine: str) -> float:
        """The drift of logits in standard deviations of the peer's."""
        return drift_over_spread(self.scores[PEER]["logit"], self.scores[engine]["logit"])

    def rows(self) -> Iterator[list[str]]:
        """Its lines of the table."""
        for engine, times in self.times.items():
            ratios = times.ratios(self.times[PEER])
            yield [
                self.model.name,
                engine if engine == PEER else f"ours, {engine}",
                f"{times.median * 1000:,.0f}",
                f"{min(times.seconds) * 1000:,.0f} to {max(times.seconds) * 1000:,.0f}",
                f"{self.work.pairs / times.median:.1f}",
                f"{self.faster(engine):.2f}",
                f"{min(ratios):.2f} to {max(ratios):.2f}",
                *(("", "", "") if engine == PEER else self._drifts(engine)),
            ]

    def _drifts(self, engine: str) -> tuple[str, str, str]:
        probability, logit = self.drift(engine, "probability"), self.drift(engine, "logit")
        return f"{probability:.0e}", f"{logit:.0e}", f"{self.over_spread(engine):.0e}"

    def targets(self) -> Iterator[Target]:
        """What was promised of it."""
        for engine, (least, most) in WANTED.items():
            who, faster = f"{self.model.name}, {engine}", self.faster(engine)
            yield Target(
                what=f"{who}: times predict", wanted=f">= {least}", got=f"{faster:.2f}", met=faster >= least
            )
            drift = self.drift(engine, "probability")
            yield Target(
                what=f"{who}: score drift", wanted=f"<= {most:.0e}", got=f"{drift:.0e}", met=drift <= most
            )

    def figures(self) -> dict[str, Any]:
        """Everything, unrounded."""
        engines: dict[str, Any] = {
            engine: {"seconds": times.seconds, "times_predict": self.faster(engine)}
            for engine, times in self.times.items()
        }
        for engine in OURS:
            engines[engine] |= {
                "drift": self.drift(engine, "probability"),
                "drift_of_logits": self.drift(engine, "logit"),
                "drift_over_spread": self.over_spread(engine),
            }
        return {
            "model": self.model.name,
            "work": self.work.name,
            "pairs": self.work.pairs,
            "tokens": self.tokens,
            "taken_by_others": self.use.by_others,
            "engines": engines,
        }


def measure(asked: argparse.Namespace) -> Report:
    """Every model on the length mix, and on PIAF's own passages where they are at hand."""
    rounds = asked.rounds or ROUNDS
    wait = None if asked.anyway else partial(wait_until_quiet, asked.patience * 60)
    candidates = piaf(PIAF_QUESTIONS, PIAF_CANDIDATES)
    mixed: list[Measured] = []
    real: list[Measured] = []
    with (
        TemporaryDirectory(prefix="pertinence-bench-") as cache,
        patch.dict(os.environ, PERTINENCE_CACHE=cache),
    ):
        for name in asked.models or MODELS:
            with prepared(name) as model, engines(model) as contenders:
                mixed.append(side_by_side(model, length_mix(model.tokenizer), contenders, rounds, wait))
                if candidates is not None:
                    real.append(side_by_side(model, candidates, contenders, rounds, wait))
    return Report(
        name="speed",
        tables=[_table(each) for each in (mixed, real) if each],
        targets=[target for each in mixed if each.model.ours is not None for target in each.targets()],
        notes=_notes([*mixed, *real], rounds, anyway=asked.anyway),
        figures={
            "machine": facts(),
            "rounds": rounds,
            "measured": [each.figures() for each in (*mixed, *real)],
        },
    )


def side_by_side(
    model: Model, work: Work, contenders: dict[str, Score], rounds: int, wait: Callable[[], None] | None
) -> Measured:
    """All contenders on the same work, round by round; `wait` as in `interleaved`."""

    def run(score: Score, kind: ScoreKind) -> Float32:
        return np.concatenate([score(query, texts, kind) for query, texts in work.queries])

    timed: dict[str, Callable[[], Float32]] = {
        name: partial(run, score, "probability") for name, score in contenders.items()
    }
    race = interleaved(timed, rounds, wait=wait)
    return Measured(
        model=model,
        work=work,
        tokens=work.tokens(model.tokenizer, most=512),
        times=race.times,
        scores={
            name: {"probability": run(score, "probability"), "logit": run(score, "logit")}
            for name, score in contenders.items()
        },
        use=race.use,
    )


def _table(measured: list[Measured]) -> Table:
    work = measured[0].work
    tokens = ", ".join(dict.fromkeys(f"{each.tokens:,}" for each in measured))
    return Table(
        title=f"{work.name}: {work.pairs} pairs ({tokens} tokens, as the models' tokenizers count)",
        words=2,
        columns=COLUMNS,
        rows=[row for each in measured for row in each.rows()],
    )


def _notes(measured: list[Measured], rounds: int, *, anyway: bool) -> list[str]:
    most = max(measured, key=lambda each: each.use.by_others or 0.0)
    texts = (
        f"Length mix: words of PIAF's passages. PIAF: the first {PIAF_CANDIDATES} BM25 candidates of each of "
        f"{PIAF_QUESTIONS} questions of its dev part, one call a question."
        if folder_of_data()
        else "Length mix: words of the examples' corpus. PERTINENCE_DATA is not set, so PIAF is left out."
    )
    return [
        f"{rounds} rounds after one that is not counted, engines taking turns. `predict` is "
        "`sentence_transformers.CrossEncoder.predict`, float32, batches of 32; ours is `Reranker.score`.",
        "x predict: the median of the rounds' own ratios.",
        "Every round counts, disturbed or not (--anyway)." if anyway else "Disturbed rounds were run again.",
        "Drift: the largest difference to a score (a probability) of `predict`; the same of logits; and that "
        "in standard deviations of the logits of `predict`.",
        f"Threads: torch {torch.get_num_threads()}, onnxruntime {cores()}, tokenizers up to {cores()}.",
        texts,
        f"{most.use.told} (The most, {most.model.name} on {most.work.name}.)",
    ]
