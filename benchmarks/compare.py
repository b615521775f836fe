"""One model on one piece of work: every engine's time, memory and scores, held against the peer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from benchmarks.clock import Times
from benchmarks.engines import PREDICT, Engine
from benchmarks.machine import Use
from benchmarks.products import FLOPS
from benchmarks.report import Target
from pertinence.agreement import drift_over_spread, kendall_tau, max_drift

__all__ = ["Measured", "Scored", "targets"]

# The most that probabilities may differ where they are called identical.
IDENTICAL = 1e-4
# Times `predict`: with identical scores, in any precision; with onnxruntime alone the same two.
WANTED = {"mminilm-L6": (5, 10), "camembert-L2": (5, 12), "camembert-base": (5, 12)}
WANTED_OF_ONNX = (3.5, 6)
# The share of the runtime's own product.
WANTED_OF_PEAK = {"camembert-L2": 0.7, "camembert-base": 0.7}


@dataclass(frozen=True)
class Scored:
    """Scores of one engine, query by query; logits where it gives them."""

    probabilities: Sequence[Sequence[float]]
    logits: Sequence[Sequence[float]] | None

    def drift(self, other: Scored) -> float:
        """The largest difference of two probabilities."""
        return max_drift(_flat(self.probabilities), _flat(other.probabilities))

    def over_spread(self, other: Scored) -> float | None:
        """The largest difference of two logits, in standard deviations of this one's."""
        if self.logits is None or other.logits is None:
            return None
        return drift_over_spread(_flat(self.logits), _flat(other.logits))

    def tau(self, other: Scored) -> float:
        """Kendall's tau, the mean of the queries; of logits where both have them."""
        both = (
            (self.probabilities, other.probabilities)
            if self.logits is None or other.logits is None
            else (self.logits, other.logits)
        )
        return fmean(kendall_tau(mine, theirs) for mine, theirs in zip(*both, strict=True))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured; times and scores by the engine's name, bare products by runtime and precision.

    Attributes:
        flops: operations of the matrix products of the full encoder, without padding.
        least_flops: the same without what no head reads, which is all that ours computes.
        memory: the most bytes that an engine's process has held.
    """

    model: str
    trained: bool
    work: str
    pairs: int
    tokens: int
    flops: float
    least_flops: float
    engines: Mapping[str, Engine]
    kernels: Mapping[str, tuple[str, str]]
    times: Mapping[str, Times]
    memory: Mapping[str, int]
    scores: Mapping[str, Scored]
    rounds: int
    use: Use

    def faster(self, engine: str) -> float:
        """How many times faster than the peer: the median of the rounds' own ratios."""
        return median(self.times[engine].ratios(self.times[PREDICT.name]))

    def drift(self, engine: str) -> float:
        """The largest difference to a probability of the peer."""
        return self.scores[PREDICT.name].drift(self.scores[engine])

    def of_peak(self, engine: str) -> float | None:
        """What it computes as a share of the runtime's own product in that precision, at its fastest.

        The fastest round's product, as a slow one is a disturbed one: a peak is the most there is. Of an
        engine that is ours no more is counted than a head reads, so it may be more and is not less.
        """
        peak = self.times.get(" ".join(self.kernels[engine]))
        if peak is None:
            return None
        computed = self.least_flops if self.engines[engine].ours else self.flops
        return computed / FLOPS * min(peak.seconds) / self.times[engine].median

    def rows(self) -> Iterator[list[str]]:
        """Its lines of the table."""
        peer = self.scores[PREDICT.name]
        for engine in self.engines:
            times, share, scores = self.times[engine], self.of_peak(engine), self.scores[engine]
            spread = peer.over_spread(scores)
            low, high = times.spread
            is_peer = engine == PREDICT.name
            yield [
                self.model,
                engine,
                f"{times.median * 1000:,.0f}",
                f"{low * 1000:,.0f} to {high * 1000:,.0f}",
                f"{self.faster(engine):.2f}",
                f"{self.pairs / times.median:.1f}",
                f"{self.flops / times.median / 1e9:,.0f}",
                "" if share is None else f"{share:.0%}",
                f"{self.memory[engine] / 1e6:,.0f}" if self.memory[engine] else "",
                "" if is_peer else f"{self.drift(engine):.0e}",
                "" if is_peer or spread is None else f"{spread:.0e}",
                "" if is_peer or not self.trained else f"{peer.tau(scores):.4f}",
            ]

    def figures(self) -> dict[str, Any]:
        """Everything, unrounded."""
        peer = self.scores[PREDICT.name]
        return {
            "model": self.model,
            "work": self.work,
            "pairs": self.pairs,
            "tokens": self.tokens,
            "gigaflops": self.flops / 1e9,
            "least_gigaflops": self.least_flops / 1e9,
            "rounds": self.rounds,
            "taken_by_others": self.use.by_others,
            "products": {
                name: {"seconds": times.seconds, "gigaflops_per_second": FLOPS / times.median / 1e9}
                for name, times in self.times.items()
                if name not in self.engines
            },
            "engines": {
                engine: {
                    "kernel": self.kernels[engine],
                    "seconds": self.times[engine].seconds,
                    "times_predict": self.faster(engine),
                    "pairs_per_second": self.pairs / self.times[engine].median,
                    "gigaflops_per_second": self.flops / self.times[engine].median / 1e9,
                    "of_peak": self.of_peak(engine),
                    "peak_memory": self.memory[engine],
                    "drift": self.drift(engine),
                    "drift_over_spread": peer.over_spread(self.scores[engine]),
                    "tau": peer.tau(self.scores[engine]) if self.trained else None,
                }
                for engine in self.engines
            },
        }


def targets(measured: Measured) -> Iterator[Target]:
    """What was promised of this model; what could not be measured is missed."""
    ours = {name: engine for name, engine in measured.engines.items() if engine.ours}
    identical = {name for name in ours if measured.drift(name) < IDENTICAL}
    onnx = {name for name in ours if measured.kernels[name][0] == "onnx"}
    if measured.model in WANTED:
        same, gated = WANTED[measured.model]
        yield _fastest(measured, "identical scores", identical, same)
        yield _fastest(measured, "any precision", set(ours), gated)
        same_of_onnx, gated_of_onnx = WANTED_OF_ONNX
        yield _fastest(measured, "onnxruntime alone, identical scores", onnx & identical, same_of_onnx)
        yield _fastest(measured, "onnxruntime alone, any precision", onnx, gated_of_onnx)
    if measured.model in WANTED_OF_PEAK:
        least = WANTED_OF_PEAK[measured.model]
        for dtype in ("float32", "bfloat16"):
            shares = {
                name: share
                for name in ours
                if measured.kernels[name][1] == dtype and (share := measured.of_peak(name)) is not None
            }
            best = max(shares, key=lambda name: shares[name], default=None)
            yield Target(
                what=f"{measured.model}, {dtype}: share of its runtime's own product",
                wanted=f">= {least:.0%}",
                got="not measured" if best is None else f"{shares[best]:.0%} ({best})",
                met=best is not None and shares[best] >= least,
            )


def _fastest(measured: Measured, what: str, among: set[str], least: float) -> Target:
    best = max(sorted(among), key=measured.faster, default=None)
    return Target(
        what=f"{measured.model}, {what}: times predict",
        wanted=f">= {least:g}",
        got="not measured" if best is None else f"{measured.faster(best):.2f} ({best})",
        met=best is not None and measured.faster(best) >= least,
    )


def _flat(scores: Sequence[Sequence[float]]) -> list[float]:
    return [each for query in scores for each in query]
