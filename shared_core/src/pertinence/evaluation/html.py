"""Report as one self-contained HTML page: it has no script and loads nothing from elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files

from pertinence.evaluation.report import COMPARABLE, Report, shown_p
from pertinence.evaluation.results import Comparison, Estimate, Question, Results, SystemResult
from pertinence.evaluation.statistics import DRAWS
from pertinence.evaluation.svg import Point, Row, differences, dots_and_whiskers, scatter

__all__ = ["page"]

_LONGEST_PASSAGE = 1200
_SURE = 0.05


def page(report: Report) -> str:
    """Return the whole page."""
    style = (files("pertinence.evaluation") / "style.css").read_text(encoding="utf-8")
    title = " and ".join(each.name for each in report.results)
    body = "\n".join(_body(report))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Evaluation: {escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    names = ", ".join(escape(each.name) for each in report.results)
    yield f"<header><h1>Who ranks better on {names}?</h1>"
    place = f"{report.processor} · pertinence {report.version} · {report.date}"
    yield f'<p class="muted">{escape(place)}</p>'
    if report.protocol:
        yield f"<p>Protocol <b>{escape(report.protocol)}</b>: {escape(report.about or '')}.</p>"
        if report.comparable_only:
            yield f'<p class="of-card">{COMPARABLE}</p>'
    yield "</header>"
    if report.means:
        yield from _means(report)
    for results in report.results:
        yield from _section(results)
    yield from _footer(report)


def _section(results: Results) -> Iterator[str]:
    size = "" if results.passages is None else f" over {results.passages:,} passages"
    yield f"<section><h2>{escape(results.name)}</h2>"
    yield f'<p class="muted">{results.queries:,} queries{size}</p>'
    yield from (f'<p class="lead">{each}</p>' for each in _findings(results))
    yield f'<div class="sheet">{_table(results)}</div>'
    yield "<h3>Measure by system</h3>"
    yield f'<div class="sheet">{_dots(results)}</div>'
    timed = [each for each in results.systems if each.milliseconds]
    if timed:
        yield "<h3>Quality against latency</h3>"
        yield f'<div class="sheet">{_scatter(results, timed)}</div>'
    if len(results.systems) > 1:
        yield f"<h3>{escape(results.headline)}, system against system</h3>"
        yield f'<div class="sheet">{_comparisons(results)}</div>'
        yield "<h3>Queries won and lost</h3>"
        yield f'<div class="grid-2">{"".join(_curves(results))}</div>'
        yield from (_question(each) for each in results.questions)
    if results.notes:
        yield f"<h3>To be known</h3><ul>{''.join(f'<li>{escape(each)}</li>' for each in results.notes)}</ul>"
    yield "</section>"


def _findings(results: Results) -> Iterator[str]:
    """Yield one sentence per system that compares it with the first one by the headline measure."""
    base = results.systems[0].name
    for each in results.comparisons:
        if each.measure != results.headline or each.first != base:
            continue
        way = "above" if each.difference > 0 else "below"
        kind = _kind(each)
        sure = (
            f"which chance would hardly do (p {shown_p(each.p_holm)})"
            if each.p_holm < _SURE
            else f"which may be chance (p {shown_p(each.p_holm)})"
        )
        yield (
            f"<b>{escape(each.second)}</b> stands <b class='{kind}'>{abs(each.difference):.3f}</b> {way} "
            f"{escape(base)} by {escape(each.measure)}, {sure}."
        )


def _table(results: Results) -> str:
    best = {name: max(each.estimates[name].mean for each in results.systems) for name in results.measures}
    head = "".join(f"<th>{escape(name)}</th>" for name in (*results.measures, "ms / query", "pairs / s"))
    rows = []
    for each in results.systems:
        cells = "".join(
            _cell(each.estimates[name], best=each.estimates[name].mean == best[name])
            for name in results.measures
        )
        rows.append(
            f"<tr><td>{escape(each.name)}<small>{escape(each.kind)}</small></td>{cells}"
            f"<td>{_number(each.milliseconds, 1)}</td><td>{_number(each.pairs_per_second, 0)}</td></tr>"
        )
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(estimate: Estimate, *, best: bool) -> str:
    if math.isnan(estimate.mean):
        return "<td>–</td>"
    card = ""
    if estimate.published is not None:
        card = f'<small class="of-card">card {estimate.published:.4f}</small>'
    kind = ' class="best"' if best else ""
    return (
        f"<td><span{kind}>{estimate.mean:.4f}</span>"
        f"<small>{estimate.low:.3f} – {estimate.high:.3f}</small>{card}</td>"
    )


def _dots(results: Results) -> str:
    rows = [
        Row(
            name=each.name,
            ours=each.kind != "first stage",
            cells=[
                (found.mean, found.low, found.high, found.published)
                for found in (each.estimates[name] for name in results.measures)
            ],
        )
        for each in results.systems
    ]
    return dots_and_whiskers(rows, results.measures)


def _scatter(results: Results, timed: Sequence[SystemResult]) -> str:
    points = []
    for each in timed:
        found = each.estimates[results.headline]
        points.append(
            Point(
                name=each.name,
                milliseconds=each.milliseconds or 0.0,
                mean=found.mean,
                low=found.low,
                high=found.high,
            )
        )
    first = results.systems[0]
    base = (first.name, first.estimates[results.headline].mean) if first.kind == "first stage" else None
    return scatter(points, results.headline, base)


def _comparisons(results: Results) -> str:
    head = "".join(
        f"<th>{name}</th>"
        for name in ("", "difference", "95% interval", "p", "p, Holm", "won", "lost", "tied")
    )
    rows = "".join(_comparison(each) for each in results.comparisons if each.measure == results.headline)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _comparison(each: Comparison) -> str:
    kind = _kind(each)
    cells = (
        f'<span class="{kind}">{each.difference:+.4f}</span>',
        f"{each.low:+.4f} … {each.high:+.4f}",
        escape(shown_p(each.p)),
        escape(shown_p(each.p_holm)),
        f'<span class="up">{each.won}</span>',
        f'<span class="down">{each.lost}</span>',
        str(each.tied),
    )
    told = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr><td>{escape(each.second)} <small>against {escape(each.first)}</small></td>{told}</tr>"


def _kind(each: Comparison) -> str:
    """Return the CSS class that colors a difference; empty if the difference may be chance."""
    if each.p_holm >= _SURE:
        return ""
    return "up" if each.difference > 0 else "down"


def _curves(results: Results) -> Iterator[str]:
    base, *others = results.systems
    column = results.measures.index(results.headline)
    for each in others:
        moved = each.values[:, column] - base.values[:, column]
        picture = differences(moved, each.name, base.name, results.headline)
        yield (
            f'<figure class="sheet"><figcaption><b>{escape(each.name)}</b> against {escape(base.name)}: '
            f"{escape(results.headline)} of every query, sorted</figcaption>{picture}</figure>"
        )


def _question(each: Question) -> str:
    kind = "won" if each.won else "lost"
    ranks = f"rank {_rank(each.rank_before)} → {_rank(each.rank_after)}"
    parts = [(f"Relevant, {ranks}", each.relevant, "relevant")]
    if each.best_before != each.relevant:
        parts.append((f"First with {each.against}", each.best_before, ""))
    if each.best_after not in (each.relevant, each.best_before):
        parts.append((f"First with {each.system}", each.best_after, ""))
    shown = "".join(
        f'<div><h4>{escape(head)}</h4><blockquote class="{style}">{_passage(text)}</blockquote></div>'
        for head, text, style in parts
        if text
    )
    return (
        f'<details><summary><span class="pill {kind}">{each.before:.2f} → {each.after:.2f}</span>'
        f"<span>{escape(each.query)}</span><small>{escape(each.system)}</small></summary>"
        f'<div class="passages">{shown}</div></details>'
    )


def _means(report: Report) -> Iterator[str]:
    measures = list(report.means[0].means)
    head = "".join(f"<th>{escape(name)}</th>" for name in measures)
    rows = []
    for mean in report.means:
        cells = "".join(_cell_of_mean(mean.means[name], mean.published.get(name)) for name in measures)
        rows.append(f"<tr><td>{escape(mean.system)}</td>{cells}</tr>")
    yield f"<section><h2>Mean over {len(report.results)} collections</h2>"
    yield '<p class="muted">Each collection counts alike.</p>'
    yield (
        f'<div class="sheet"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _cell_of_mean(mean: float, published: float | None) -> str:
    card = "" if published is None else f'<small class="of-card">card {published:.4f}</small>'
    return f"<td>{mean:.4f}{card}</td>"


def _footer(report: Report) -> Iterator[str]:
    yield "<footer><h3>How it was measured</h3>"
    yield (
        "<p>Measures by ir_measures, on scores that follow the ranks. Intervals: percentile bootstrap over "
        f"queries, {DRAWS:,} draws (Efron and Tibshirani 1993; Sakai 2006). p: paired randomisation test, "
        f"two-sided, {DRAWS:,} draws (Smucker, Allan and Carterette 2007); Holm's correction (1979) over all "
        "comparisons by one measure. Seeds are fixed. Milliseconds per query: the queue was kept full, "
        "and loading and the embedding of the corpus are left out.</p>"
    )
    yield f"<p>Plan: <code>{escape(_plain(report.plan))}</code></p>"
    told: dict[str, str] = {}
    for results in report.results:
        for each in results.systems:
            if each.facts:
                told[each.name] = _plain(each.facts)
    yield from (f"<p>{escape(name)}: <code>{escape(facts)}</code></p>" for name, facts in told.items())
    yield "</footer>"


def _plain(data: Mapping[str, object]) -> str:
    return json.dumps(data, ensure_ascii=False)


def _passage(text: str) -> str:
    cut = text if len(text) <= _LONGEST_PASSAGE else f"{text[:_LONGEST_PASSAGE]}…"
    return escape(cut)


def _rank(rank: int | None) -> str:
    return "none" if rank is None else str(rank)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
