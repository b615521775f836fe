"""Quality against speed: nDCG@10 on questions of PIAF's dev part, with trained weights, engine by engine."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, median
from typing import Any

from benchmarks.clock import Times, taking_turns
from benchmarks.engines import AUTO, ENGINES, PREDICT, Fleet, fleet
from benchmarks.machine import Use, cores, facts, wait_until_quiet
from benchmarks.models import DEFAULT, own_cache, prepared
from benchmarks.plot import Dot, quality_against_speed
from benchmarks.report import Report, Table
from benchmarks.texts import folder_of_data
from pertinence.agreement import kendall_tau, top_overlap
from pertinence.evaluation.collection import Candidates, Collection, open_folder
from pertinence.evaluation.measures import measurer

__all__ = ["measure"]

QUESTIONS = 60
CANDIDATES = 20
# Questions of a turn: long enough to be timed, short enough for the machine to be the same for all.
AT_ONCE = 5
FIRST_STAGE = "BM25"
# They call `predict` and give its scores.
WRAPPERS = ("LangChain", "LlamaIndex", "Haystack")
PICTURE = "quality.svg"

Scores = dict[str, list[list[float]]]
"""By engine, question by question."""


@dataclass(frozen=True, kw_only=True)
class Reranked:
    """What every engine made of the same questions."""

    data: Collection
    asked: Sequence[Candidates]
    times: Mapping[str, Times]
    scores: Scores
    use: Use

    @property
    def pairs(self) -> int:
        """Of all questions."""
        return sum(map(len, self.scores[PREDICT.name]))

    def ndcg(self, engine: str) -> float:
        """nDCG@10, the mean of the questions; ties keep the first stage's order."""
        measure = measurer(["nDCG@10"])
        rankings = (each.passages for each in self.asked)
        if engine != FIRST_STAGE:
            rankings = (
                tuple(each.passages[i] for i in sorted(range(len(scores)), key=lambda i: -scores[i]))
                for each, scores in zip(self.asked, self.scores[engine], strict=True)
            )
        both = zip(self.asked, rankings, strict=True)
        return fmean(measure(self.data.qrels[each.query], ranking)[0] for each, ranking in both)

    def tau(self, engine: str) -> float:
        """Against the peer's scores, the mean of the questions."""
        return fmean(kendall_tau(*both) for both in self._both(engine))

    def overlap(self, engine: str) -> float:
        """The share of the peer's first ten that are among the engine's first ten."""
        return fmean(top_overlap(*both, 10) for both in self._both(engine))

    def faster(self, engine: str) -> float:
        """How many times faster than the peer: the median of the turns' own ratios."""
        return median(self.times[engine].ratios(self.times[PREDICT.name]))

    def speed(self, engine: str) -> float:
        """Pairs per second over all questions."""
        return self.pairs / sum(self.times[engine].seconds)

    def rows(self) -> Iterator[list[str]]:
        """Of the table; the first stage comes first."""
        base = self.ndcg(PREDICT.name)
        first = self.ndcg(FIRST_STAGE)
        yield [FIRST_STAGE, f"{first:.4f}", f"{first - base:+.4f}", "", "", "", ""]
        for engine in self.times:
            value = self.ndcg(engine)
            peer = engine == PREDICT.name
            yield [
                engine,
                f"{value:.4f}",
                "" if peer else f"{value - base:+.4f}",
                "" if peer else f"{self.tau(engine):.4f}",
                "" if peer else f"{self.overlap(engine):.1%}",
                f"{self.speed(engine):.1f}",
                f"{self.faster(engine):.2f}",
            ]

    def figures(self) -> dict[str, Any]:
        """Everything, unrounded."""
        return {
            "questions": [each.query for each in self.asked],
            "pairs": self.pairs,
            "first_stage": {"nDCG@10": self.ndcg(FIRST_STAGE)},
            "engines": {
                engine: {
                    "nDCG@10": self.ndcg(engine),
                    "tau": self.tau(engine),
                    "top_10_overlap": self.overlap(engine),
                    "pairs_per_second": self.speed(engine),
                    "times_predict": self.faster(engine),
                    "seconds": times.seconds,
                }
                for engine, times in self.times.items()
            },
            "taken_by_others": self.use.by_others,
        }

    def _both(self, engine: str) -> Iterator[tuple[list[float], list[float]]]:
        return zip(self.scores[PREDICT.name], self.scores[engine], strict=True)


def measure(asked: argparse.Namespace) -> Report:
    """The embedded default in every engine; nothing where PIAF is not at hand."""
    folder = folder_of_data()
    if folder is None:
        return Report(name="quality", tables=[], notes=["Not measured: PERTINENCE_DATA is not set."])
    wait = None if asked.anyway else partial(wait_until_quiet, asked.patience * 60)
    data = open_folder(folder / "piaf-fr", "dev")
    questions = _evenly_spaced(data, asked.questions or QUESTIONS)
    engines = [engine for engine in ENGINES if engine.name not in WRAPPERS]
    with own_cache(), prepared(DEFAULT) as model, fleet(model, engines) as opened:
        found = _reranked(data, questions, opened, wait)
    dots = [
        Dot(
            name=engine, speed=found.speed(engine), quality=found.ndcg(engine), ours=engine.startswith("ours")
        )
        for engine in found.times
        if engine != AUTO.name
    ]
    return Report(
        name="quality",
        tables=[
            Table(
                title=f"Embedded default: {len(questions)} questions of PIAF dev, {CANDIDATES} candidates",
                columns=("order", "nDCG@10", "to predict", "tau", "same first ten", "pairs/s", "x predict"),
                rows=list(found.rows()),
            )
        ],
        notes=list(_notes(found, opened)),
        figures={"machine": facts(), "left_out": opened.left_out, **found.figures()},
        pictures={PICTURE: quality_against_speed(dots, FIRST_STAGE, found.ndcg(FIRST_STAGE))},
        captions={PICTURE: "nDCG@10 of every engine against pairs per second, BM25 as a line"},
    )


def _evenly_spaced(data: Collection, wanted: int) -> list[Candidates]:
    """So many of the judged questions, each with the first of its candidates."""
    assert data.run is not None, "the folder has a first stage of its own"
    every = [each for each in data.run.read() if each.query in data.qrels]
    spaced = every[:: max(1, len(every) // wanted)][:wanted]
    return [replace(each, passages=each.passages[:CANDIDATES]) for each in spaced]


def _reranked(data: Collection, questions: Sequence[Candidates], engines: Fleet, wait: Any) -> Reranked:
    seconds: dict[str, list[float]] = {engine.name: [] for engine in engines.workers}
    scores: Scores = {engine.name: [] for engine in engines.workers}
    use = Use()
    for start in range(0, len(questions), AT_ONCE):
        now = questions[start : start + AT_ONCE]
        asked = [(data.queries[each.query], data.corpus.texts(each.passages)) for each in now]
        name = f"questions from {start}"
        for worker in engines.workers.values():
            worker.call("take", work=name, queries=asked)
        race = taking_turns(
            {engine.name: worker.stopwatch("score", work=name) for engine, worker in engines.workers.items()},
            rounds=1,
            # Each turn has questions of its own; only the very first finds the engines cold.
            warm_up=0 if start else 1,
            wait=wait,
            workers=engines.processes,
        )
        use.add(race.use)
        for engine, worker in engines.workers.items():
            seconds[engine.name] += race.times[engine.name].seconds
            scores[engine.name] += worker.call("probabilities", work=name)
            worker.call("forget", work=name)
    times = {name: Times(each) for name, each in seconds.items()}
    return Reranked(data=data, asked=questions, times=times, scores=scores, use=use)


def _notes(found: Reranked, engines: Fleet) -> Iterator[str]:
    yield (
        f"Each engine in a process of its own, {AT_ONCE} questions a turn, each question once; pairs/s over "
        "all of them, x predict the median of the turns' own ratios. `predict float32` is what all are held "
        "against: to predict is the difference of nDCG@10; tau is Kendall's and same first ten the overlap, "
        f"both the mean of the questions. Candidates are {FIRST_STAGE}'s first."
    )
    yield (
        f"A sample of {len(found.asked)} questions, evenly spaced: it compares engines, which all see the "
        "same; how good the model is stands on its card, with the whole dev part."
    )
    yield (
        f"Auto: {' '.join(engines.kernels[AUTO])} ({engines.why})." if AUTO in engines.kernels else "No auto."
    )
    for name, reason in engines.left_out.items():
        yield f"Left out: {name} ({reason})."
    yield f"Threads: {cores()}."
    yield found.use.told
