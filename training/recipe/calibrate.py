"""Fit what turns the trained logit into an honest probability, on questions never trained on.

    python -m recipe.calibrate --prepared runs/prepared --weights runs/both --to runs/calibration.json

Platt (1999): a logistic regression on the logit, here with a second term for the language, by which the share
of right candidates differs. French and English weigh the same, however many questions each has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from recipe import languages
from recipe.batches import Groups, training_sets
from recipe.data import Collection
from recipe.metrics import by_question, means
from recipe.model import MAX_LENGTH, lean, tokenizer, vectors

DEPTH = 20


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Pairs of one set.

    Attributes:
        logits: as trained, shape (pairs,).
        french: of the pair, shape (pairs,); 1 for French, -1 for English.
        labels: 1 where the passage answers the question, else 0, shape (pairs,).
        questions: number of each pair's question and form, shape (pairs,); what is ranked together.
    """

    logits: np.ndarray
    french: np.ndarray
    labels: np.ndarray
    questions: np.ndarray


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prepared", type=Path, required=True, help="what recipe.prepare wrote")
    parser.add_argument("--weights", type=Path, required=True, help="folder that the training wrote")
    parser.add_argument("--to", type=Path, required=True, help="JSON file of what was fitted")
    parser.add_argument("--most", type=int, help="at most so many questions of each set")
    args = parser.parse_args(arguments)
    model = lean(BertForSequenceClassification.from_pretrained(args.weights, dtype=torch.float32))
    encoder = tokenizer(args.weights, MAX_LENGTH)
    sets = training_sets()
    with torch.inference_mode():
        groups = Groups(args.prepared / "groups.jsonl.gz", seed=0)
        unit = languages.learn(model, encoder, groups, min(args.most or 1000, languages.QUESTIONS))
        unit.put_into(model)
        parts = {
            "piaf-fr": _judged(model, encoder, unit, sets.piaf, sets.piaf_held_out[: args.most]),
            "epqa-en": _judged(model, encoder, unit, sets.epqa, sets.epqa_held_out[: args.most]),
        }
    fitted = fit(parts)
    print(json.dumps(fitted, indent=2))
    fitted["language"] = unit.to_dict()
    args.to.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")


def fit(parts: Mapping[str, Judged]) -> dict[str, Any]:
    """Slope and shift of the logit, weight of the language, and how reliable what they give is, set by set.

    `one_line` is the reliability of a line of the logit alone. Its order is the logit's; where a passage is
    not plainly of one language, the second term may change it, and `rr` says whether: MRR@10 by the logit
    alone, and by both.
    """
    labels = np.concatenate([part.labels for part in parts.values()])
    weights = np.concatenate([np.full(len(part.labels), 1 / len(part.labels)) for part in parts.values()])

    def line(*names: str) -> tuple[list[float], float]:
        columns = np.stack([np.concatenate([getattr(p, n) for p in parts.values()]) for n in names], axis=1)
        found = LogisticRegression(C=np.inf).fit(columns, labels, sample_weight=weights * len(labels))
        return found.coef_[0].tolist(), float(found.intercept_[0])

    (slope, french), shift = line("logits", "french")
    (alone,), alone_shift = line("logits")
    said = {name: slope * part.logits + french * part.french + shift for name, part in parts.items()}
    return {
        "slope": slope,
        "shift": shift,
        "french": french,
        "pairs": {name: len(part.labels) for name, part in parts.items()},
        "reliability": {name: reliability(_sigmoid(said[name]), part.labels) for name, part in parts.items()},
        "one_line": {
            name: reliability(_sigmoid(alone * part.logits + alone_shift), part.labels)
            for name, part in parts.items()
        },
        "rr": {
            name: {"logit": _reciprocal_rank(part, part.logits), "both": _reciprocal_rank(part, said[name])}
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


def _judged(
    model: BertForSequenceClassification,
    encoder: Tokenizer,
    unit: languages.LanguageUnit,
    data: Collection,
    queries: Sequence[str],
) -> Judged:
    pairs, labels, questions = [], [], []
    for number, query in enumerate(queries):
        for passage in data.candidates[query][:DEPTH]:
            title, text = data.titles[passage], data.passages[passage]
            # As retrieval sets hand them on, and as applications do.
            texts = (text, f"{title}\n{text}") if title else (text,)
            pairs += [(data.queries[query], text) for text in texts]
            labels += [float(data.qrels[query].get(passage, 0) > 0)] * len(texts)
            questions += [2 * number + form for form in range(len(texts))]
    pooled = model.bert.pooler(vectors(model, encoder, pairs, batch_tokens=2048)[:, None])
    return Judged(
        logits=model.classifier(pooled)[:, 0].double().numpy(),
        french=pooled[:, unit.unit].double().numpy(),
        labels=np.array(labels),
        questions=np.array(questions),
    )


def _reciprocal_rank(part: Judged, scores: np.ndarray) -> float:
    """Mean over every question of which a candidate is right."""
    ranking: dict[str, list[str]] = {}
    qrels: dict[str, dict[str, int]] = {}
    for number in np.unique(part.questions[part.labels > 0]):
        pairs = np.flatnonzero(part.questions == number)
        ranking[str(number)] = [str(pair) for pair in pairs[np.argsort(-scores[pairs], kind="stable")]]
        qrels[str(number)] = {str(pair): int(part.labels[pair]) for pair in pairs}
    return means(by_question(ranking, qrels))["RR@10"] if ranking else 0.0


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


if __name__ == "__main__":
    main()
