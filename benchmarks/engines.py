"""Who is compared in the speed table: sentence-transformers as the frameworks call it, and our backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from sentence_transformers import CrossEncoder
from transformers.utils import logging

from benchmarks.models import Model
from pertinence import Reranker
from pertinence.options import BackendName
from pertinence.scorer import Float32, ScoreKind

__all__ = ["OURS", "PEER", "Score", "engines"]

PEER = "predict"
OURS: tuple[BackendName, ...] = ("torch", "onnx")
# Rows of a batch of `predict`, its own default: what the frameworks' rerankers leave as it is.
_ROWS = 32
# Their bars would run across the tables.
logging.disable_progress_bar()  # type: ignore[no-untyped-call]

Score = Callable[[str, Sequence[str], ScoreKind], Float32]
"""A query, its texts and the kind of score that is wanted; one float32 score per text."""


@contextmanager
def engines(model: Model) -> Iterator[dict[str, Score]]:
    """Every engine with the model loaded, by its name in the table; the peer comes first."""
    with ExitStack() as stack:
        yield {PEER: _peer(model), **{backend: _ours(model, backend, stack) for backend in OURS}}


def _peer(model: Model) -> Score:
    encoder: CrossEncoder = CrossEncoder(
        str(model.folder), device="cpu", model_kwargs={"dtype": torch.float32}, local_files_only=True
    )
    activations = {"probability": torch.nn.Sigmoid(), "logit": torch.nn.Identity()}

    def score(query: str, texts: Sequence[str], kind: ScoreKind) -> Float32:
        scores: Float32 = encoder.predict(
            [(query, text) for text in texts],
            batch_size=_ROWS,
            show_progress_bar=False,
            activation_fn=activations[kind],
        )
        return scores

    return score


def _ours(model: Model, backend: BackendName, stack: ExitStack) -> Score:
    # The two share one loaded model: only what becomes of its logits differs.
    kinds: tuple[ScoreKind, ...] = ("probability", "logit")
    rerankers = {
        kind: stack.enter_context(
            Reranker(model.ours, backend=backend, device="cpu", dtype="float32", score_kind=kind)
        )
        for kind in kinds
    }
    rerankers["probability"].warm_up()

    def score(query: str, texts: Sequence[str], kind: ScoreKind) -> Float32:
        return rerankers[kind].score(query, texts)

    return score
