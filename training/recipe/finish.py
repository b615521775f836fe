"""What is done with the trained weights before they ship: each form of them, measured.

`recipe.ablate` runs these beside its short trainings. Nothing is learnt here: the whole run's weights are
read, changed in one way, and rerank the sample.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import BertForSequenceClassification

from pertinence.local.files.weights import SCALE, dequantise, quantise
from recipe.between import BOTH
from recipe.curve import Curve
from recipe.model import MAX_LENGTH, classifier, lean, tokenizer
from recipe.package import SMALLEST, fold
from recipe.run import PREPARED
from recipe.workers import Worker, run_workers


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to read, where to write, and how many questions of each set to rerank."""

    run: Path
    form: str
    to: Path
    queries: int


def measure(place: Place, workers: int = 2) -> None:
    """Write the figures of one of `FORMS` into `place.to`, as a training does."""
    place.to.mkdir(parents=True, exist_ok=True)
    run_workers(_measure, place, workers)


def _measure(worker: Worker, place: Place) -> None:
    folder = place.run / BOTH
    model = lean(classifier(folder, seed=0))
    with torch.no_grad():
        FORMS[place.form](model, place.run)
    curve = Curve(tokenizer(folder, MAX_LENGTH), place.queries, place.run / PREPARED)
    curve.point(place.to, 0, model, worker)


def _as_they_are(model: BertForSequenceClassification, run: Path) -> None:
    pass


def _of(phase: str) -> Callable[[BertForSequenceClassification, Path], None]:
    """What a phase ended with."""

    def change(model: BertForSequenceClassification, run: Path) -> None:
        model.load_state_dict(lean(classifier(run / phase / "final", seed=0)).state_dict())

    return change


def _last_step(model: BertForSequenceClassification, run: Path) -> None:
    state = torch.load(run / "people" / "state.pt", weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])


def _calibrated(model: BertForSequenceClassification, run: Path) -> None:
    fold(model, json.loads((run / "calibration.json").read_text(encoding="utf-8")))


def _stored(model: BertForSequenceClassification, run: Path) -> None:
    _calibrated(model, run)
    for name, value in model.named_parameters():
        if value.ndim == 2 and value.numel() >= SMALLEST:
            whole, scale = quantise(value.detach().numpy())
            value.copy_(torch.from_numpy(dequantise({name: whole, name + SCALE: scale})[name]))


FORMS: dict[str, Callable[[BertForSequenceClassification, Path], None]] = {
    "half way from the first phase to that of people's questions": _as_they_are,
    "the first phase": _of("ranking"),
    "the phase of people's questions": _of("people"),
    "its last step, no average": _last_step,
    "half way, calibrated, a unit told the language": _calibrated,
    "the same, stored in int8: what ships": _stored,
}
