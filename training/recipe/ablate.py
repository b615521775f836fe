"""What each step of the recipe brings: short runs that leave one of them out, side by side.

    python -m recipe.ablate --to runs/ablation --steps 300

Every run is as long, sees its questions in the same order and is measured on the same sample of the dev sets.
A run whose figures are there is not done again.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from recipe import prepare, train

# What is changed -> arguments of the training, and of the preparation where it needs one of its own.
VARIANTS: dict[str, tuple[list[str], list[str]]] = {
    "the recipe": ([], []),
    "English vocabulary": ([], ["--english"]),
    "no questions made of French passages": (["--without", "cloze"], []),
    "no documented functions": (["--without", "functions"], []),
    "functions without the bi-encoder's judgement": (["--soft", "0"], []),
    "passages uncut": (["--excerpts", "0"], []),
    "questions as they are": (["--varied", "0"], []),
    "pairwise loss": (["--loss", "pairwise"], []),
    "last weights, no average": (["--average", "0"], []),
    "two negatives": (["--negatives", "2"], []),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, required=True, help="folder of the runs and of table.md")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--queries", type=int, default=200, help="questions of each dev set's sample")
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), help="these alone")
    args, others = parser.parse_known_args(arguments)
    for name, (training, preparing) in VARIANTS.items():
        run = args.to / slug(name)
        prepared = args.to / ("prepared" + "".join(preparing))
        if (args.only and name not in args.only) or (run / "final").exists():
            continue
        if not (prepared / "about.json").exists():
            prepare.main(["--to", str(prepared), *preparing])
        sizes = [
            "--steps",
            str(args.steps),
            "--curve-every",
            str(args.steps),
            "--curve-queries",
            str(args.queries),
        ]
        train.main(["--prepared", str(prepared), "--run", str(run), *sizes, *training, *others])
    text = table(args.to)
    (args.to / "table.md").write_text(text, encoding="utf-8")
    print(text, end="")


def table(folder: Path) -> str:
    """The last point of every run's curve, and its distance from the whole recipe's."""
    points = {
        name: json.loads((folder / slug(name) / "curve.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        for name in VARIANTS
        if (folder / slug(name) / "final").exists()
    }
    rows = ["| | French MRR@10 | | English nDCG@10 | |", "|---|---|---|---|---|"]
    whole = points.get("the recipe")
    for name, point in points.items():
        cells = []
        for key, measure in (("piaf-fr", "RR@10"), ("epqa-en", "nDCG@10")):
            value = point[key][measure]
            away = "" if whole is None or name == "the recipe" else f"{value - whole[key][measure]:+.3f}"
            cells += [f"{value:.3f}", away]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def slug(name: str) -> str:
    """The folder of a variant."""
    return re.sub(r"[^a-z]+", "-", name.lower())


if __name__ == "__main__":
    main()
