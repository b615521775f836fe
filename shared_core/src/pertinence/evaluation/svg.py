"""Plots of the report, as SVG that takes its colors from the page (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

__all__ = ["Point", "Row", "differences", "dots_and_whiskers", "scatter"]

_ROW, _LEFT, _PANEL, _GAP, _TOP, _BOTTOM = 30, 210, 168, 22, 34, 30
# Maximum length of a name beside a row, in characters.
_NAME = 30
_CURVE_POINTS = 240


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system in `dots_and_whiskers`; each cell is (mean, low, high, model card's figure) of a measure."""

    name: str
    ours: bool
    cells: Sequence[tuple[float, float, float, float | None]]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One system in `scatter`: milliseconds per query, and the mean of a measure with its interval."""

    name: str
    milliseconds: float
    mean: float
    low: float
    high: float


def dots_and_whiskers(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Draw one panel per measure and one row per system: a dot for the mean, a line for the interval."""
    height = _TOP + _ROW * len(rows) + _BOTTOM
    width = _LEFT + (_PANEL + _GAP) * len(measures)
    parts = [
        _text(_LEFT - 14, _TOP + _ROW * (place + 0.5) + 4, _short(row.name), "name end" + _ours(row.ours))
        for place, row in enumerate(rows)
    ]
    for column, measure in enumerate(measures):
        parts += _panel(rows, column, measure, _LEFT + column * (_PANEL + _GAP))
    return _svg(width, height, "Each system by each measure, with 95% intervals", parts)


def scatter(points: Sequence[Point], measure: str, base: tuple[str, float] | None) -> str:
    """Plot quality against milliseconds per query on a logarithmic scale.

    Args:
        points: the systems.
        measure: name of the measure.
        base: name and mean of the first stage, drawn as a dashed line; None for no line.
    """
    width, height, left, right, top, bottom = 1080, 380, 64, 180, 24, 46
    values = [each for point in points for each in (point.low, point.high)] + ([base[1]] if base else [])
    y = _Scale.of(values, height - bottom, top)
    times = [point.milliseconds for point in points]
    x = _Scale(math.log10(min(times) / 1.6), math.log10(max(times) * 1.6), left, width - right)
    parts: list[str] = []
    for tick in y.ticks():
        parts += [
            _across("grid", left, width - right, y(tick)),
            _text(left - 8, y(tick) + 4, f"{tick:.2f}", "tick end"),
        ]
    for tick in _decades(min(times) / 1.6, max(times) * 1.6):
        place = x(math.log10(tick))
        parts += [
            f'<line class="grid" x1="{place:.1f}" x2="{place:.1f}" y1="{top}" y2="{height - bottom}"/>',
            _text(place, height - bottom + 18, f"{tick:g}", "tick middle"),
        ]
    parts.append(_text((left + width - right) / 2, height - 8, "milliseconds per query", "label middle"))
    parts.append(_text(left, top - 6, measure, "label"))
    if base is not None:
        parts += [
            _across("base", left, width - right, y(base[1])),
            _text(width - right + 8, y(base[1]) + 4, _short(base[0]), "name muted"),
        ]
    for point in points:
        place = x(math.log10(point.milliseconds))
        parts += [
            f'<line class="whisker ours" x1="{place:.1f}" x2="{place:.1f}" y1="{y(point.low):.1f}" '
            f'y2="{y(point.high):.1f}"/>',
            f'<circle class="dot ours" cx="{place:.1f}" cy="{y(point.mean):.1f}" r="6">'
            f"<title>{escape(point.name)}: {point.mean:.4f} at {point.milliseconds:.1f} ms</title></circle>",
            _text(place + 11, y(point.mean) + 4, _short(point.name), "name"),
        ]
    return _svg(width, height, f"{measure} against milliseconds of a query", parts)


def differences(values: npt.NDArray[np.float64], system: str, against: str, measure: str) -> str:
    """Plot the difference of every query, sorted: won queries above the line, lost queries below it."""
    width, height, left, top = 360, 150, 40, 12
    ordered = np.sort(np.asarray(values, dtype=np.float64))[::-1]
    y = _Scale(-1.0, 1.0, height - top, top)
    step = (width - left - 8) / max(len(ordered), 1)
    parts = [
        _across("grid", left, width - 8, y(tick))
        + _text(left - 6, y(tick) + 4, f"{tick:+g}" if tick else "0", "tick end")
        for tick in (-1, 0, 1)
    ]
    for sign, kind in ((1, "won"), (-1, "lost")):
        mine = np.flatnonzero(ordered * sign > 1e-9)
        if len(mine):
            parts.append(_area(ordered, int(mine[0]), int(mine[-1]) + 1, step, left, y, kind))
    title = f"{measure} of {system} less that of {against}, every query, sorted"
    return _svg(width, height, title, parts)


class _Scale:
    """Linear mapping from values to coordinates on the page."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high if high > low else low + 1
        self._start, self._end = start, end

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> _Scale:
        """Return a scale around the values, never so fine that rounding looks like a difference."""
        known = [each for each in values if not math.isnan(each)] or [0.0, 1.0]
        low, high = min(known), max(known)
        margin = max((high - low) * 0.12, 0.02)
        return cls(max(0.0, low - margin), min(1.0, high + margin), start, end)

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values within the scale."""
        span = self.high - self.low
        step = next((each for each in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5) if span / each <= most), 1.0)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(place * step, 6) for place in range(first, last + 1)]


def _panel(rows: Sequence[Row], column: int, measure: str, left: float) -> Iterator[str]:
    cells = [row.cells[column] for row in rows]
    values = [each for mean, low, high, card in cells for each in (mean, low, high, card) if each is not None]
    x = _Scale.of(values, left, left + _PANEL)
    end = _TOP + _ROW * len(rows)
    yield _text(left + _PANEL / 2, 18, measure, "label middle")
    for tick in x.ticks(4):
        yield f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{_TOP - 4}" y2="{end}"/>'
        yield _text(x(tick), end + 16, f"{tick:.2f}", "tick middle")
    for place, (row, (mean, low, high, card)) in enumerate(zip(rows, cells, strict=True)):
        middle = _TOP + _ROW * (place + 0.5)
        kind = _ours(row.ours)
        told = f"{row.name}: {mean:.4f}, 95% {low:.4f} to {high:.4f}"
        yield _across(f"whisker{kind}", x(low), x(high), middle)
        yield (
            f'<circle class="dot{kind}" cx="{x(mean):.1f}" cy="{middle}" r="5">'
            f"<title>{escape(told)}</title></circle>"
        )
        if card is not None:
            yield (
                f'<path class="card" d="M{x(card):.1f} {middle - 8}v16"><title>'
                f"{escape(row.name)}'s card: {card:.4f}</title></path>"
            )


def _area(
    ordered: npt.NDArray[np.float64], start: int, stop: int, step: float, left: float, y: _Scale, kind: str
) -> str:
    """Return a filled step curve; if there are very many queries, use evenly spaced ones."""
    count = min(stop - start, _CURVE_POINTS)
    places = np.linspace(start, stop - 1, count).astype(int)
    corners = [f"M{left + start * step:.1f} {y(0):.1f}"]
    for number, place in enumerate(places):
        following = places[number + 1] if number + 1 < count else stop
        height = y(float(ordered[place]))
        corners.append(f"L{left + place * step:.1f} {height:.1f}H{left + following * step:.1f}")
    corners.append(f"V{y(0):.1f}Z")
    return f'<path class="{kind}" d="{"".join(corners)}"/>'


def _decades(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        digit * 10.0**power for power in powers for digit in (1, 2, 5) if low <= digit * 10.0**power <= high
    ]


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" role="img" '
        f'aria-label="{escape(title)}">{inside}</svg>'
    )


def _across(kind: str, start: float, end: float, y: float) -> str:
    return f'<line class="{kind}" x1="{start:.1f}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"…{name[-_NAME + 1 :]}"


def _ours(ours: bool) -> str:
    return " ours" if ours else ""
