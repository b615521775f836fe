"""Largest differences between our scores and those of each library, per backend; kept as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.parity import peers
from benchmarks.parity.subjects import Folders, Subject, folders
from pertinence import Embedder, Reranker
from pertinence.cards import Way
from pertinence.options import BackendName
from support.texts import QUERY

__all__ = ["BACKENDS", "FIGURES", "LONG", "figures", "measure"]

BACKENDS: tuple[BackendName, ...] = ("torch", "onnx", "openvino")
FIGURES = Path(__file__).parent / "figures"
# Which of the models that read so much is also given one pair of 8,192 tokens.
LONG = "gte-12"
_PACKAGES = ("pertinence", "sentence-transformers", "transformers", "torch", "onnxruntime", "openvino")
# More than any model here reads, whatever the tokenizer: what is over the limit is cut by all alike.
_LONG_TEXT = "neige col train vallée quai heures montagne dix " * 1500

_Scores = tuple[str, peers.Floats]


def figures(name: str) -> dict[str, Any]:
    """What is kept of a subject; empty where nothing was measured."""
    path = FIGURES / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def measure(
    subject: Subject, backends: Sequence[BackendName], flag_python: Path | None, *, long: bool, again: bool
) -> None:
    """Measure what is not kept yet, and keep each backend's figures as soon as they are there.

    Args:
        subject: what is scored.
        backends: which of ours.
        flag_python: the interpreter of an environment with FlagEmbedding; None leaves that library out.
        long: one pair of 8,192 tokens in the place of many shorter ones.
        again: measure what is kept, too.
    """
    ways = _ways(subject, flag_python, long)
    kept = figures(subject.name)
    drift = kept.setdefault("long" if long else "drift", {})
    due = [backend for backend in backends if again or not ways <= drift.get(backend, {}).keys()]
    if not due:
        return
    with folders(subject) as place:
        theirs = _theirs(place, subject, ways, flag_python, long)
        for backend in due:
            ours = _ours(place, subject, backend, long)
            found = {way: float(np.abs(ours[kind] - scores).max()) for way, (kind, scores) in theirs.items()}
            drift.setdefault(backend, {}).update(found)
            print(subject.name, backend, found, flush=True)
            if not long:
                kept["spread"] = {kind: float(np.ptp(scores)) for kind, scores in theirs.values()}
            kept["versions"] = {name: version(name) for name in _PACKAGES}
            _keep(subject.name, kept)


def _keep(name: str, kept: dict[str, Any]) -> None:
    FIGURES.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1, sort_keys=True) + "\n"
    (FIGURES / f"{name}.json").write_text(text, encoding="utf-8")


def _ways(subject: Subject, flag_python: Path | None, long: bool) -> set[Way]:
    if subject.card.task == "embed":
        return {"sentence-transformers"}
    if long:
        return {"transformers"}
    flag = flag_python is not None and "FlagEmbedding" in subject.card.ways
    return {"sentence-transformers", "transformers", *(["FlagEmbedding"] if flag else [])}


def _theirs(
    place: Folders, subject: Subject, ways: set[Way], flag_python: Path | None, long: bool
) -> dict[Way, _Scores]:
    """What each library gives, and what it is: probabilities, logits or vectors."""
    folder, length = place.theirs, subject.card.max_length
    if subject.card.task == "embed":
        return {"sentence-transformers": ("vector", peers.sentence_transformer(folder, subject.texts))}
    pairs = [(QUERY, text) for text in _texts(subject, long)]

    def flag_reranker() -> peers.Floats:
        assert flag_python is not None
        kind = subject.card.architecture.replace("ForSequenceClassification", "Tokenizer")
        return peers.flag_reranker(flag_python, folder, pairs, length, kind)

    known: dict[Way, tuple[str, Callable[[], peers.Floats]]] = {
        "sentence-transformers": ("probability", lambda: peers.cross_encoder(folder, pairs, length)),
        "FlagEmbedding": ("logit", flag_reranker),
        "transformers": ("logit", lambda: peers.sequence_classifier(folder, pairs, length)),
    }
    found: dict[Way, _Scores] = {}
    for way, (kind, score) in known.items():
        if way in ways:
            try:
                found[way] = (kind, score())
            except subprocess.CalledProcessError as error:
                print(f"{subject.name}: {way} failed, see above: {error}", file=sys.stderr)
    return found


def _ours(place: Folders, subject: Subject, backend: BackendName, long: bool) -> dict[str, peers.Floats]:
    if subject.card.task == "embed":
        with Embedder(place.ours, backend=backend, dtype="float32") as embedder:
            return {"vector": embedder.embed_documents(subject.texts)}
    texts, length = _texts(subject, long), subject.card.max_length
    with (
        # One model, which the two share.
        Reranker(
            place.ours, backend=backend, dtype="float32", score_kind="logit", max_length=length
        ) as logits,
        Reranker(
            place.ours, backend=backend, dtype="float32", score_kind="probability", max_length=length
        ) as probabilities,
    ):
        scores = {"logit": logits.score(QUERY, texts)}
        return scores if long else {**scores, "probability": probabilities.score(QUERY, texts)}


def _texts(subject: Subject, long: bool) -> list[str]:
    return [_LONG_TEXT] if long else subject.texts
