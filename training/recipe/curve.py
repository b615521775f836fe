"""The learning curve: a fixed sample of dev questions, reranked at every point.

The last point's measures of every single question stand in `questions.json`, to compare two runs by.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer

from recipe import unseen
from recipe.data import Collection, read, set_folder
from recipe.metrics import by_question, means, reranked
from recipe.model import logits
from recipe.workers import Worker

DEPTH = 20
SETS = ("piaf-fr", "epqa-en", unseen.NAME)


class Curve:
    """Figures of the sample, a line of `curve.jsonl` each."""

    def __init__(self, encoder: Tokenizer, queries: int, prepared: Path) -> None:
        self._encoder = encoder
        self._sets = {name: read(set_folder(name, prepared), "dev") for name in SETS}
        self._samples = {name: _answerable(data, queries) for name, data in self._sets.items()}

    @torch.inference_mode()
    def point(self, run: Path, step: int, model, worker: Worker) -> None:
        """Rerank the samples with the model as it is now, each worker its part."""
        model.eval()
        found: dict[str, dict[str, dict[str, float]]] = {}
        for name, data in self._sets.items():
            ranking = reranked(
                data,
                worker.part(self._samples[name]),
                DEPTH,
                lambda query, passages: logits(
                    model, self._encoder, [(query, p) for p in passages], batch_tokens=4096
                ).tolist(),
            )
            found[name] = by_question(worker.gathered(ranking), data.qrels)
        if not worker.is_first:
            return
        row = {"step": step} | {name: means(questions) for name, questions in found.items()}
        (run / "questions.json").write_text(json.dumps(found), encoding="utf-8")
        with (run / "curve.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        print(row, flush=True)


def _answerable(data: Collection, count: int) -> list[str]:
    """Questions whose answer is among the candidates: no order helps the others."""
    names = sorted(q for q in data.queries if any(data.qrels[q].get(p) for p in data.candidates[q][:DEPTH]))
    return random.Random("curve").sample(names, min(count, len(names)))
