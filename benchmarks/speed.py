"""Every engine on the same texts, each in a process of its own, taking turns: how fast, how much memory,
and how far the scores are from those of `sentence_transformers.CrossEncoder.predict` in float32.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.clock import taking_turns
from benchmarks.compare import Measured, Scored, targets
from benchmarks.engines import ENGINES, PREDICT, Fleet, fleet, products
from benchmarks.machine import cores, facts, wait_until_quiet
from benchmarks.models import DEFAULT, Model, own_cache, prepared
from benchmarks.processes import Worker
from benchmarks.report import Report, Table
from benchmarks.texts import Work, folder_of_data, length_mix, piaf

__all__ = ["measure"]

MODELS = ("mminilm-L6", "camembert-L2", "camembert-base", DEFAULT)
ROUNDS = 5
# What a first stage commonly hands on.
PIAF_CANDIDATES = 20
PIAF_QUESTIONS = 2
# A round of these takes minutes.
LARGE = ("camembert-base",)
ROUNDS_OF_LARGE = 2
COLUMNS = (
    "model",
    "engine",
    "median ms",
    "fastest to slowest",
    "x predict",
    "pairs/s",
    "GF/s",
    "of peak",
    "peak MB",
    "drift",
    "over spread",
    "tau",
)


def measure(asked: argparse.Namespace) -> Report:
    """Every model on the length mix, and on PIAF's own passages where they are at hand."""
    wait = None if asked.anyway else partial(wait_until_quiet, asked.patience * 60)
    mixed: list[Measured] = []
    real: list[Measured] = []
    left_out: dict[str, str] = {}
    why: dict[str, str] = {}
    with own_cache():
        for name in asked.models or MODELS:
            large = name in LARGE
            rounds = asked.rounds or (ROUNDS_OF_LARGE if large else ROUNDS)
            candidates = piaf(1 if large else PIAF_QUESTIONS, PIAF_CANDIDATES)
            with (
                prepared(name) as model,
                fleet(model, ENGINES) as engines,
                products(engines.kernels.values()) as peaks,
            ):
                left_out |= engines.left_out
                why[model.name] = engines.why
                mixed.append(side_by_side(model, length_mix(model.tokenizer), engines, peaks, rounds, wait))
                if candidates is not None:
                    real.append(side_by_side(model, candidates, engines, peaks, rounds, wait))
    measured = [*mixed, *real]
    return Report(
        name="speed",
        tables=[_table(each) for each in (mixed, real) if each],
        targets=[target for each in mixed for target in targets(each)],
        notes=[*_notes(measured, anyway=asked.anyway), *_remarks(left_out, why)],
        figures={
            "machine": facts(),
            "left_out": left_out,
            "automatic": why,
            "measured": [each.figures() for each in measured],
        },
    )


def side_by_side(
    model: Model,
    work: Work,
    engines: Fleet,
    peaks: dict[tuple[str, str], Worker],
    rounds: int,
    wait: Callable[[], None] | None,
) -> Measured:
    """All engines and the bare products of their runtimes, round by round; `wait` as in `taking_turns`."""
    lengths = work.lengths(model.tokenizer, most=512)
    for worker in engines.workers.values():
        worker.call("take", work=work.name, queries=work.queries)
    race = taking_turns(
        {
            **{
                engine.name: each.stopwatch("score", work=work.name)
                for engine, each in engines.workers.items()
            },
            **{" ".join(kernel): worker.stopwatch("multiply") for kernel, worker in peaks.items()},
        },
        rounds,
        wait=wait,
        workers=[*engines.processes, *(worker.process for worker in peaks.values())],
    )
    # Before anything else is asked, which might take memory of its own.
    memory = {engine.name: worker.peak_memory() for engine, worker in engines.workers.items()}
    return Measured(
        model=model.name,
        trained=model.trained,
        work=work.name,
        pairs=work.pairs,
        tokens=sum(lengths),
        flops=model.sizes.flops(lengths),
        least_flops=model.sizes.least_flops(lengths),
        engines={engine.name: engine for engine in engines.workers},
        kernels={engine.name: kernel for engine, kernel in engines.kernels.items()},
        times=race.times,
        memory=memory,
        scores={
            engine.name: Scored(
                worker.call("probabilities", work=work.name), worker.call("logits", work=work.name)
            )
            for engine, worker in engines.workers.items()
        },
        rounds=rounds,
        use=race.use,
    )


def _table(measured: list[Measured]) -> Table:
    pairs = ", ".join(dict.fromkeys(f"{each.pairs}" for each in measured))
    tokens = ", ".join(dict.fromkeys(f"{each.tokens:,}" for each in measured))
    return Table(
        title=f"{measured[0].work}: {pairs} pairs ({tokens} tokens, as the models' tokenizers count)",
        words=2,
        columns=COLUMNS,
        rows=[row for each in measured for row in each.rows()],
    )


def _notes(measured: list[Measured], *, anyway: bool) -> Iterator[str]:
    rounds = "; ".join(dict.fromkeys(f"{each.model} {each.rounds}" for each in measured))
    most = max(measured, key=lambda each: each.use.by_others or 0.0)
    yield f"Each engine in a process of its own, all taking turns; rounds after one not counted: {rounds}."
    yield "Every round counts, disturbed or not (--anyway)." if anyway else "Disturbed rounds were run again."
    yield (
        f"`{PREDICT.name}` is `sentence_transformers.CrossEncoder.predict` in batches of 32. LangChain is "
        "`CrossEncoderReranker` over a `BaseCrossEncoder` of a few lines that calls it (langchain-community, "
        "which had one, is discontinued); LlamaIndex `SentenceTransformerRerank`; Haystack "
        "`SentenceTransformersSimilarityRanker`. `padded int8` is what FlashRank does: onnxruntime, weights "
        "quantised dynamically, one batch padded to the longest pair. Ours is `Reranker.score`; `auto` "
        "names neither backend nor precision. LlamaIndex reads 512 tokens of a pair whatever the model says; "
        "the embedded default says 256, and its other lines read so many."
    )
    yield "x predict: the median of the rounds' own ratios."
    yield (
        "GF/s: matrix products of the full encoder on the pairs without padding, over the time of the whole "
        "call. Effective, that is: ours computes less for the same scores (of the last layer only the row "
        "that the head reads) and so shows more. Of peak: what is computed, less that saving, as a share of "
        "the most that the same runtime reaches in the same precision on a bare product of 2048 x 2048 "
        "matrices, in any of the same rounds; everything around the products, tokenising included, is in "
        "the time."
    )
    yield (
        "Peak MB: the most that the process has held so far, loading included, in MB of 1,000,000 bytes "
        "(PIAF comes after the length mix)."
    )
    yield (
        f"Drift: the largest difference to a probability of `{PREDICT.name}`; over spread: the same of "
        "logits, in their standard deviations. Tau: Kendall's, mean of the queries, where weights are "
        "trained: on random weights an order means nothing."
    )
    yield f"Threads: {cores()} for every runtime."
    yield (
        "Length mix: words of PIAF's passages. PIAF: BM25's first "
        f"{PIAF_CANDIDATES} candidates of a question of its dev part, one call a question."
        if folder_of_data()
        else "Length mix: words of the examples' corpus. PERTINENCE_DATA is not set, so PIAF is left out."
    )
    yield f"{most.use.told} (The most, {most.model} on {most.work}.)"


def _remarks(left_out: dict[str, str], why: dict[str, str]) -> Iterator[str]:
    for model, reason in why.items():
        yield f"Auto on {model}: {reason}."
    for name, reason in left_out.items():
        yield f"Left out: {name} ({reason})."
