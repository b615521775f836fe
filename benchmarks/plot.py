"""The plot of quality against speed, as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

__all__ = ["Dot", "quality_against_speed"]

_OURS, _THEIRS = "#1f77b4", "#7f7f7f"
# No axis is so fine that rounding looks like a difference.
_LEAST_HEIGHT = 0.04


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One engine.

    Attributes:
        name: what stands beside it.
        speed: pairs per second.
        quality: nDCG@10.
        ours: whether it is one of ours.
    """

    name: str
    speed: float
    quality: float
    ours: bool


def quality_against_speed(dots: Sequence[Dot], first_stage: str, its_quality: float) -> str:
    """An SVG that is the same for the same figures; what the first stage reaches is a line."""
    # Text stays text, so that it can be searched and its size is small.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pertinence", "font.size": 9}):
        figure = Figure(figsize=(7.5, 4.5), layout="constrained")
        axes = figure.add_subplot()
        axes.axhline(its_quality, linestyle="--", linewidth=1, color=_THEIRS)
        axes.annotate(
            f"{first_stage}, no reranking",
            (0, its_quality),
            xycoords=("axes fraction", "data"),
            xytext=(4, -4),
            textcoords="offset points",
            verticalalignment="top",
            color=_THEIRS,
        )
        for place, dot in enumerate(sorted(dots, key=lambda dot: dot.speed)):
            colour = _OURS if dot.ours else _THEIRS
            axes.plot(dot.speed, dot.quality, "o", color=colour)
            # Slanted, and every other one below: engines of equal quality stand on one height.
            above = place % 2 == 0
            axes.annotate(
                dot.name,
                (dot.speed, dot.quality),
                xytext=(3, 5) if above else (-3, -5),
                textcoords="offset points",
                horizontalalignment="left" if above else "right",
                verticalalignment="bottom" if above else "top",
                rotation=50,
                color=colour,
            )
        speeds, qualities = [dot.speed for dot in dots], [its_quality, *(dot.quality for dot in dots)]
        margin = max(max(qualities) - min(qualities), _LEAST_HEIGHT) / 2
        axes.set_xscale("log")
        axes.set_xlim(min(speeds) / 1.4, max(speeds) * 1.6)
        axes.set_ylim(min(qualities) - margin * 1.2, max(qualities) + margin * 1.2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks([each for each in _ROUND if min(speeds) / 1.4 <= each <= max(speeds) * 1.6])
        axes.set_xlabel("pairs per second (logarithmic)")
        axes.set_ylabel("nDCG@10")
        axes.grid(visible=True, linewidth=0.4, alpha=0.6)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    # Its lines end with blanks here and there, which no checked-in file should.
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


_ROUND = [digit * 10.0**power for power in range(-1, 5) for digit in (1, 2, 5)]
