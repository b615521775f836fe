"""Report of an evaluation on one or several collections, as JSON data and as a text table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from statistics import fmean
from typing import Any

from pertinence.evaluation.protocols import Protocol
from pertinence.evaluation.results import Estimate, Results, SystemResult
from pertinence.local.machine.processor import processor

__all__ = ["COMPARABLE", "Mean", "Report", "shown_p"]

COMPARABLE = "Figures of cards are comparable, no more: they do not say which queries and candidates."


@dataclass(frozen=True, kw_only=True)
class Mean:
    """One system's mean over collections, by measure, and the same figures from its model card."""

    system: str
    means: Mapping[str, float]
    published: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Results of an evaluation, with the settings, the date and the machine.

    Attributes:
        results: results of each collection.
        means: means over the collections, with equal weights; empty if there is only one collection.
        protocol: name of the protocol; None without one.
        about: description of the protocol in one sentence.
        comparable_only: True if the model cards give too few details to repeat the protocol exactly. Their
            figures are then close to ours, but not the same.
        plan: settings of the evaluation, as JSON data.
        processor: name of the processor.
        date: date of the evaluation, as YYYY-MM-DD in UTC.
        version: version of Pertinence.
    """

    results: tuple[Results, ...]
    means: tuple[Mean, ...]
    protocol: str | None
    about: str | None
    comparable_only: bool
    plan: Mapping[str, Any]
    processor: str
    date: str
    version: str

    @classmethod
    def of(
        cls,
        results: Sequence[Results],
        plan: Mapping[str, Any],
        protocol: Protocol | None = None,
        published: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Report:
        """Build a report for this machine and today's date.

        Args:
            results: results of each collection.
            plan: settings of the evaluation, as JSON data.
            protocol: protocol that was used, if any.
            published: by system, the model card's figures for the mean over the collections.
        """
        return cls(
            results=tuple(results),
            means=_means(results, published or {}) if len(results) > 1 else (),
            protocol=None if protocol is None else protocol.name,
            about=None if protocol is None else protocol.about,
            comparable_only=protocol is not None and protocol.comparable_only,
            plan=plan,
            processor=processor().name,
            date=datetime.now(UTC).date().isoformat(),
            version=_version(),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data, without the values of individual queries."""
        return {
            "protocol": self.protocol,
            "about": self.about,
            "comparable_only": self.comparable_only,
            "plan": dict(self.plan),
            "processor": self.processor,
            "date": self.date,
            "pertinence": self.version,
            "results": [_results(each) for each in self.results],
            "means": [asdict(each) for each in self.means],
        }

    def table(self) -> str:
        """Return the report as a text table for a terminal."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        if self.protocol:
            yield f"protocol {self.protocol}: {self.about}"
            if self.comparable_only:
                yield COMPARABLE
            yield ""
        for each in self.results:
            yield from _told(each)
            yield ""
        if self.means:
            yield f"mean over {len(self.results)} collections"
            measures = list(self.means[0].means)
            rows = [
                [
                    mean.system,
                    *(_cell(mean.means[name], mean.published.get(name)) for name in measures),
                ]
                for mean in self.means
            ]
            yield from _columns([["", *measures], *rows])
            yield ""
        yield f"{self.processor}, pertinence {self.version}, {self.date}"


def shown_p(p: float) -> str:
    """Format a p-value as papers do."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _told(results: Results) -> Iterator[str]:
    passages = "" if results.passages is None else f", {results.passages} passages"
    yield f"{results.name}: {results.queries} queries{passages}"
    yield ""
    timed = any(each.milliseconds is not None for each in results.systems)
    head = ["", *results.measures, *(["ms/query"] if timed else [])]
    rows = [head]
    for each in results.systems:
        cells = [_estimate(each.estimates[name]) for name in results.measures]
        if timed:
            cells.append("" if each.milliseconds is None else f"{each.milliseconds:.1f}")
        rows.append([each.name, *cells])
    yield from _columns(rows)
    main = [each for each in results.comparisons if each.measure == results.headline]
    if main:
        yield ""
        rows = [[results.headline, "difference", "95% interval", "p", "Holm", "won/lost/tied"]]
        rows += [
            [
                f"{each.second} - {each.first}",
                f"{each.difference:+.4f}",
                f"{each.low:+.4f}..{each.high:+.4f}",
                shown_p(each.p),
                shown_p(each.p_holm),
                f"{each.won}/{each.lost}/{each.tied}",
            ]
            for each in main
        ]
        yield from _columns(rows)
    for note in results.notes:
        yield f"- {note}"


def _estimate(estimate: Estimate) -> str:
    if math.isnan(estimate.mean):
        return "-"
    half = (estimate.high - estimate.low) / 2
    return f"{estimate.mean:.4f} ±{half:.3f}" + _card(estimate.published)


def _cell(mean: float, published: float | None) -> str:
    return f"{mean:.4f}" + _card(published)


def _card(published: float | None) -> str:
    return "" if published is None else f" (card {published:.4f})"


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *rest = row
        cells = [f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join([f"{first:{widths[0]}}", *cells]).rstrip()


def _means(results: Sequence[Results], published: Mapping[str, Mapping[str, float]]) -> tuple[Mean, ...]:
    """Compute the means of the systems that every collection has."""
    by_name = [{each.name: each for each in one.systems} for one in results]
    shared = [name for name in by_name[0] if all(name in systems for systems in by_name)]
    return tuple(
        Mean(
            system=name,
            means={
                measure: fmean(systems[name].estimates[measure].mean for systems in by_name)
                for measure in results[0].measures
            },
            published=dict(published.get(name, {})),
        )
        for name in shared
    )


def _results(results: Results) -> dict[str, Any]:
    return {
        "name": results.name,
        "queries": results.queries,
        "passages": results.passages,
        "headline": results.headline,
        "systems": [_system(each) for each in results.systems],
        "comparisons": [asdict(each) for each in results.comparisons],
        "questions": [asdict(each) for each in results.questions],
        "notes": list(results.notes),
    }


def _system(system: SystemResult) -> dict[str, Any]:
    return {
        "name": system.name,
        "kind": system.kind,
        "facts": dict(system.facts),
        "measures": {name: asdict(each) for name, each in system.estimates.items()},
        "milliseconds": system.milliseconds,
        "pairs_per_second": system.pairs_per_second,
        "passages": system.passages,
        "truncated": system.truncated,
    }


def _version() -> str:
    try:
        return version("pertinence")
    except PackageNotFoundError:
        return "source"
