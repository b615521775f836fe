"""The card's two pictures: how the model learnt, and what its probabilities are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from recipe import unseen

# The same drawing gives the same file, whenever it is made.
matplotlib.rcParams["svg.hashsalt"] = "pertinence-mini"
NAMES = {
    "piaf-fr": "French (PIAF)",
    "epqa-en": "English (ePQA)",
    unseen.NAME: "French (administration)",
}
_META = {"Date": None, "Creator": None}


def learning_curve(points: list[dict[str, Any]], file: Path) -> None:
    """MRR@10 of each set's sample by training step."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, label in NAMES.items():
        axes.plot([p["step"] for p in points], [p[name]["RR@10"] for p in points], marker="o", label=label)
    axes.set(xlabel="training steps", ylabel="MRR@10 of the sample", xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, metadata=_META)


def reliability(bins: dict[str, list[dict[str, float]]], file: Path) -> None:
    """What the probability said beside the share that was relevant."""
    figure = Figure(figsize=(4.2, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, label="perfect")
    for name, each in bins.items():
        axes.plot([b["said"] for b in each], [b["found"] for b in each], marker="o", label=NAMES[name])
    axes.set(xlabel="probability said", ylabel="share relevant", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, metadata=_META)
