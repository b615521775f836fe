"""Fit the line that turns the trained logit into an honest probability, on questions never trained on.

    python -m recipe.calibrate --weights runs/second/final --to runs/calibration.json

Platt (1999): a logistic regression on the logit alone. It is monotonic, so no ranking changes. French and
English weigh the same, however many questions each has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from recipe.batches import training_sets
from recipe.data import Collection
from recipe.model import MAX_LENGTH, lean, logits, tokenizer

DEPTH = 20


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit and write the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="folder that the training wrote")
    parser.add_argument("--to", type=Path, required=True, help="JSON file of the fitted line")
    parser.add_argument("--most", type=int, help="at most so many questions of each set")
    args = parser.parse_args(arguments)
    model = lean(BertForSequenceClassification.from_pretrained(args.weights, dtype=torch.float32))
    encoder = tokenizer(args.weights, MAX_LENGTH)
    sets = training_sets()
    parts = {
        "piaf-fr": _judged(model, encoder, sets.piaf, sets.piaf_held_out[: args.most]),
        "epqa-en": _judged(model, encoder, sets.epqa, sets.epqa_held_out[: args.most]),
    }
    fitted = fit(parts)
    args.to.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(fitted, indent=2))


def fit(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, object]:
    """Slope and shift of the logit, and the reliability of what they give, set by set.

    Args:
        parts: name of a set -> logits and labels (0 or 1), each of shape (pairs,).
    """
    scores = np.concatenate([part[0] for part in parts.values()])
    labels = np.concatenate([part[1] for part in parts.values()])
    weights = np.concatenate([np.full(len(part[1]), 1 / len(part[1])) for part in parts.values()])
    line = LogisticRegression(C=np.inf).fit(scores[:, None], labels, sample_weight=weights * len(labels))
    slope, shift = float(line.coef_[0, 0]), float(line.intercept_[0])
    return {
        "slope": slope,
        "shift": shift,
        "pairs": {name: len(part[1]) for name, part in parts.items()},
        "reliability": {
            name: reliability(1 / (1 + np.exp(-(slope * part[0] + shift))), part[1])
            for name, part in parts.items()
        },
    }


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 5) -> list[dict[str, float]]:
    """Mean probability beside the share that is relevant, in bins of equal width."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        {
            "pairs": int((place == each).sum()),
            "said": round(float(probabilities[place == each].mean()), 3),
            "found": round(float(labels[place == each].mean()), 3),
        }
        for each in range(bins)
        if (place == each).any()
    ]


def off_by(bins: Sequence[Mapping[str, float]]) -> float:
    """Mean distance of what was said from what was found, a pair as heavy as any other."""
    return sum(b["pairs"] * abs(b["said"] - b["found"]) for b in bins) / sum(b["pairs"] for b in bins)


@torch.inference_mode()
def _judged(
    model: BertForSequenceClassification, encoder: Tokenizer, data: Collection, queries: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    pairs, labels = [], []
    for query in queries:
        for passage in data.candidates[query][:DEPTH]:
            title, text = data.titles[passage], data.passages[passage]
            # As retrieval sets hand them on, and as applications do.
            texts = (f"{title}\n{text}", text) if title else (text,)
            pairs += [(data.queries[query], text) for text in texts]
            labels += [float(data.qrels[query].get(passage, 0) > 0)] * len(texts)
    scores = logits(model, encoder, pairs, batch_tokens=2048)
    return scores.numpy().astype(np.float64), np.array(labels)


if __name__ == "__main__":
    main()
