"""Write the model's card and its notices from the figures of a run; no figure is typed by hand.

python -m recipe.card --run runs/first --to ../packages/pertinence-mini/src/pertinence_mini/model
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

CARD = """\
---
language: [fr, en]
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
pipeline_tag: text-ranking
---
# pertinence-mini

A small cross-encoder for French and English: it reads a question and a passage together and gives one
logit; its sigmoid says how likely the passage answers the question. It is what Pertinence runs when no
model is named: on a CPU, without torch, without a model hub.

## What it is

- BERT, 6 layers, hidden size 384, 22.7 million parameters, uncased English WordPiece vocabulary (so French
  words take more pieces than they should: accents are folded away, and 200 words are about 300 tokens).
- Reads up to 512 tokens of question and passage together; it was trained on {max_length}.
- Weights are stored in int8, one scale per row ({size:.1f} MB in all), and computed in float32. The
  dequantised weights are the model: every runtime gives the same scores, and no score depends on its batch
  neighbours.

## How it was made

`sentence-transformers/all-MiniLM-L6-v2` (Apache-2.0), fine-tuned for {steps} steps of {french} French and
{english} English questions with one positive and {negatives} hard negatives each (French: from BM25's first
30; English: lower-graded candidates); listwise softmax plus {pointwise} times the cross-entropy of each
pair; AdamW, {rate}; seed {seed}. The scripts are in `training/` of the project.

| data | used for | licence |
|---|---|---|
| PIAF 1.0, `train` part, split by article | French training | MIT; passages from French Wikipedia, CC BY-SA |
| ePQA, `train` part | English training | CDLA-Sharing-1.0 |
| their `dev` parts | the figures below, and nothing else | |

## Figures

Reranking on the `dev` parts, which no step of the training, no choice and no calibration has seen (the two
columns on the right: only questions whose answer is among the candidates). Computed by ir_measures.

{figures}

## Learning curve

On {curve_queries} `dev` questions of each set, the first row being the untrained model:

{curve}

## What a score means

Slope and shift of the logit were fitted (Platt) on {pairs} candidate pairs of training articles and questions
that were held out from training, both languages weighing the same. On those pairs:

{reliability}

One line cannot suit both: in French one candidate of twenty is judged relevant, in English three or four
of ten, so the same score is too sure of itself in the first and too modest in the second.

## What it is not good for

- It is a first version. Where the interval above spans zero it ranks no better than that first stage: put
  it behind a dense or hybrid one rather than behind BM25. For demanding use, name a larger model.
- Other languages, code and tables give a score, not a judgement. Text in capitals or without accents is
  read as lower case without accents.
- A passage is judged by its first 512 tokens together with the question.
"""

NOTICE = """\
pertinence-mini
Copyright the Pertinence authors. Licensed under the Apache License, Version 2.0.

The weights derive from sentence-transformers/all-MiniLM-L6-v2 (Apache License 2.0), which derives from
nreimers/MiniLM-L6-H384-uncased and microsoft/MiniLM-L12-H384-uncased (MIT); the vocabulary is that of
google-bert/bert-base-uncased (Apache License 2.0).

Trained on PIAF 1.0 (MIT; its passages are from French Wikipedia, CC BY-SA) and ePQA (CDLA-Sharing-1.0).
The weights contain none of these texts.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: settings, curve, figures")
    parser.add_argument("--to", type=Path, required=True, help="folder of the packaged model")
    args = parser.parse_args()
    settings = _json(args.run / "settings.json")
    calibration = _json(args.run / "calibration.json")
    curve = [json.loads(line) for line in (args.run / "curve.jsonl").read_text(encoding="utf-8").splitlines()]
    card = CARD.format(
        size=sum(file.stat().st_size for file in args.to.iterdir()) / 1e6,
        figures=figures_table(_json(args.run / "figures.json")),
        curve=curve_table(curve),
        reliability=reliability_table(calibration),
        pairs=sum(calibration["pairs"].values()),
        max_length=settings["max_length"],
        steps=settings["steps"],
        french=settings["french"],
        english=settings["english"],
        negatives=settings["negatives"],
        pointwise=settings["pointwise_weight"],
        rate=f"learning rate {settings['learning_rate']:g} with warm-up and linear decay",
        seed=settings["seed"],
        curve_queries=settings["curve_queries"],
    )
    (args.to / "README.md").write_text(card, encoding="utf-8")
    (args.to / "NOTICE").write_text(NOTICE, encoding="utf-8")
    print(args.to / "README.md")


def figures_table(figures: dict[str, Any]) -> str:
    """First stage beside the reranked order, with the interval of their difference."""
    rows = [
        "| set | candidates | order | MRR@10 | nDCG@10 | MRR@10, answer present | nDCG@10, answer present |",
        "|---|---|---|---|---|---|---|",
    ]
    notes = []
    for name, part in figures.items():
        for label, key in ((_first(name), "first stage"), ("pertinence-mini", "reranked")):
            values = part[key]
            cells = [f"{values[group][m]:.3f}" for group in ("all", "found") for m in ("RR@10", "nDCG@10")]
            rows.append(f"| `{name}` dev | {part['candidates']} | {label} | {' | '.join(cells)} |")
        gain = part["difference of RR@10"]
        notes.append(
            f"`{name}`: {part['queries']} questions, {part['found']} with the answer among the candidates; "
            f"MRR@10 changes by {gain['mean']:+.3f} "
            f"(95% bootstrap interval {gain['low']:+.3f} to {gain['high']:+.3f})."
        )
    return "\n".join(rows) + "\n\n" + "\n".join(notes)


def curve_table(curve: list[dict[str, Any]]) -> str:
    """MRR@10 and nDCG@10 by training step."""
    head = ["step", "French MRR@10", "French nDCG@10", "English MRR@10", "English nDCG@10"]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for point in curve:
        cells = [f"{point[name][m]:.3f}" for name in ("piaf-fr", "epqa-en") for m in ("RR@10", "nDCG@10")]
        rows.append(f"| {point['step']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def reliability_table(calibration: dict[str, Any]) -> str:
    """What the probability said beside what was found."""
    rows = ["| set | pairs | probability said | share relevant |", "|---|---|---|---|"]
    for name, bins in calibration["reliability"].items():
        rows += [f"| `{name}` | {b['pairs']} | {b['said']:.2f} | {b['found']:.2f} |" for b in bins]
    return "\n".join(rows)


def _first(name: str) -> str:
    return "BM25" if name == "piaf-fr" else "random order"


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    main()
