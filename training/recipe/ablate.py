"""What each step of the recipe brings: short runs that leave one of them out, side by side.

    python -m recipe.ablate --to runs/ablation --run runs/mini

The runs are as long, see their questions in the same order and are measured on the same sample of the dev
sets. They begin with what `--run` has prepared and with the encoder that learnt French there. A run whose
figures are there is not done again.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from recipe import finish, train, unseen
from recipe.card import TEMPLATES
from recipe.model import base_folder
from recipe.run import BILINGUAL, PREPARED

PAGE = Path(__file__).parents[1] / "ablation.md"
STEPS, NEGATIVES = 120, 3  # what makes the runs short
COLUMNS = {"piaf-fr": "RR@10", "epqa-en": "nDCG@10", unseen.NAME: "RR@10"}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What a run does otherwise.

    Attributes:
        training: arguments.
        encoder: folder of what it begins with, inside that of the whole run; None is the pretrained encoder.
    """

    training: tuple[str, ...] = ()
    encoder: str | None = f"{BILINGUAL}/final"


VARIANTS = {
    "the recipe": Variant(),
    "an encoder that has not learnt French before": Variant(encoder=f"{PREPARED}/start"),
    "nor has it a French vocabulary": Variant(encoder=None),
    "no questions to the administration": Variant(training=("--without", "services")),
    "four questions of PIAF and two to the administration": Variant(
        training=("--questions", "piaf=4", "services=2")
    ),
    "no documented functions": Variant(training=("--without", "functions")),
    "one wrong passage a question": Variant(training=("--negatives", "1")),
    "questions as they are": Variant(training=("--varied", "0")),
    "passages uncut": Variant(training=("--excerpts", "0")),
    "no judgement of the bi-encoder's": Variant(training=("--soft", "0")),
}
NAMES = {"training": tuple(VARIANTS), "finish": tuple(finish.FORMS)}
HEADS = {"training": "training", "finish": "weights"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--page", type=Path, default=PAGE, help="file of the tables")
    parser.add_argument("--run", type=Path, help="folder of recipe.run: its data, encoder and weights")
    parser.add_argument("--tables", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--page-only", action="store_true", help="write the tables of what is done")
    parser.add_argument("--steps", type=int, default=STEPS, help="of every run")
    parser.add_argument("--queries", type=int, default=200, help="questions of each dev set's sample")
    args, others = parser.parse_known_args(arguments)
    if args.run is None and not args.page_only:
        raise SystemExit("--run: whose data to train on and whose weights to measure")
    for part in [] if args.page_only else args.tables:
        for name in NAMES[part]:
            if done(args.to, part, name):
                continue
            if part == "training":
                _train(args, name, VARIANTS[name], others)
            else:
                to = folder(args.to, part, name)
                finish.measure(finish.Place(run=args.run, form=name, to=to, queries=args.queries))
    text = page(args.to)
    args.page.write_text(text, encoding="utf-8")
    print(text, end="")


def _train(args: argparse.Namespace, name: str, variant: Variant, others: list[str]) -> None:
    encoder = base_folder() if variant.encoder is None else args.run / variant.encoder
    places = ["--prepared", str(args.run / PREPARED), "--begin-with", str(encoder)]
    steps, queries = str(args.steps), str(args.queries)
    sizes = ["--steps", steps, "--curve-every", steps, "--curve-queries", queries, "--save-every", "50"]
    run = ["--run", str(folder(args.to, "training", name))]
    train.main([*places, *run, *sizes, "--negatives", str(NEGATIVES), *variant.training, *others])


def page(to: Path) -> str:
    """Both tables, as far as their runs are done, and how to read them."""
    words = (TEMPLATES / "ablation.md").read_text(encoding="utf-8")
    file = folder(to, "training", next(iter(VARIANTS))) / "settings.json"
    settings = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    texts = {part: table(to, part) for part in NAMES}
    texts["steps"] = str(settings.get("steps", STEPS))
    texts["negatives"] = str(settings.get("negatives", NEGATIVES))
    texts["queries"] = str(settings.get("curve_queries", "as many"))
    for name, text in texts.items():
        words = words.replace(f"<<{name}>>", text)
    return words


def table(to: Path, part: str) -> str:
    """What every run reached, and its distance from the first with its 95% interval."""
    runs = {name: folder(to, part, name) for name in NAMES[part] if done(to, part, name)}
    if not runs:
        return "*Not run yet.*\n"
    head = f"| {HEADS[part]} | French MRR@10 | | English nDCG@10 | | administration MRR@10 | |"
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    whole: dict[str, dict[str, dict[str, float]]] = {}
    for name, run in runs.items():
        found = json.loads((run / "questions.json").read_text(encoding="utf-8"))
        cells = []
        for data, measure in COLUMNS.items():
            values = {query: each[measure] for query, each in found[data].items()}
            away = apart(values, {q: each[measure] for q, each in whole[data].items()}) if whole else ""
            cells += [f"{fmean(values.values()):.3f}", away]
        whole = whole or found
        lines.append(f"| {' | '.join([name, *cells])} |")
    if missing := [name for name in NAMES[part] if name not in runs]:
        lines += ["", f"Not run this time: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def apart(values: dict[str, float], others: dict[str, float]) -> str:
    """Mean difference over the same questions, and half the width of its 95% interval (normal)."""
    differences = [value - others[query] for query, value in values.items()]
    half = 1.96 * stdev(differences) / math.sqrt(len(differences))
    return f"{fmean(differences):+.3f} ± {half:.3f}"


def done(to: Path, part: str, name: str) -> bool:
    """Whether a variant's figures are there."""
    return (folder(to, part, name) / "questions.json").exists()


def folder(to: Path, part: str, name: str) -> Path:
    """Of a variant's run."""
    return to / part / re.sub(r"[^a-z]+", "-", name.lower())


if __name__ == "__main__":
    main()
