"""What each step of the recipe brings: short runs that leave one of them out, side by side.

    python -m recipe.ablate --to runs/ablation --run runs/mini

The runs of a phase are as long, see their questions in the same order and are measured on the same sample of
the dev sets; those of the second phase begin with the weights that the first phase of `--run` ended with. A
run whose figures are there is not done again.
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

from recipe import calibrate, finish, prepare, train
from recipe.card import TEMPLATES
from recipe.run import PHASES

PAGE = Path(__file__).parents[1] / "ablation.md"
# What makes the runs short. French takes the encoder, which comes with English, more than a hundred steps to
# begin with.
STEPS = {"first": 200, "second": 120}
NEGATIVES = {"first": 3, "second": 5}
COLUMNS = {"piaf-fr": "RR@10", "epqa-en": "nDCG@10"}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What a run does otherwise than its phase: arguments of the training, and of the preparation."""

    training: tuple[str, ...] = ()
    preparing: tuple[str, ...] = ()
    mined: bool = True


VARIANTS = {
    "first": {
        "the first phase": Variant(),
        "English vocabulary": Variant(preparing=("--english",)),
        "no questions made of French passages": Variant(training=("--without", "cloze")),
        "pairwise loss": Variant(training=("--loss", "pairwise")),
        "three layers of six": Variant(training=("--layers", "3")),
        "no documented functions": Variant(training=("--without", "functions")),
        "one wrong passage a question": Variant(training=("--negatives", "1")),
        "questions as they are": Variant(training=("--varied", "0")),
        "passages uncut": Variant(training=("--excerpts", "0")),
        "functions without the bi-encoder's judgement": Variant(training=("--soft", "0")),
    },
    "second": {
        "the second phase": Variant(),
        "BM25's wrong passages": Variant(mined=False),
        "no titles": Variant(training=("--titles", "0")),
        "pairs weighed as drawn": Variant(training=("--sampled",)),
        "softmax alone": Variant(training=("--pointwise", "0")),
    },
}
NAMES = {**{phase: tuple(variants) for phase, variants in VARIANTS.items()}, "finish": tuple(finish.FORMS)}
HEADS = {"first": "first phase", "second": "second phase", "finish": "weights"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--page", type=Path, default=PAGE, help="file of the tables")
    parser.add_argument("--run", type=Path, help="folder of recipe.run: its data, its first phase")
    parser.add_argument("--phases", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--page-only", action="store_true", help="write the tables of what is done")
    parser.add_argument("--steps", type=int, help="of every run, whatever its phase")
    parser.add_argument("--queries", type=int, default=200, help="questions of each dev set's sample")
    args, others = parser.parse_known_args(arguments)
    for phase in [] if args.page_only else args.phases:
        for name in NAMES[phase]:
            if not done(args.to, phase, name):
                _run(args, phase, name, others)
    text = page(args.to)
    args.page.write_text(text, encoding="utf-8")
    print(text, end="")


def _run(args: argparse.Namespace, phase: str, name: str, others: list[str]) -> None:
    if phase != "finish":
        _train(args, phase, name, VARIANTS[phase][name], others)
        return
    if args.run is None:
        raise SystemExit("--run: whose weights to measure")
    to = folder(args.to, phase, name)
    finish.measure(finish.Place(run=args.run, form=name, to=to, queries=args.queries))


def _train(args: argparse.Namespace, phase: str, name: str, variant: Variant, others: list[str]) -> None:
    prepared = args.to / "".join(["prepared", *variant.preparing])
    if args.run and not variant.preparing:
        prepared = args.run / "prepared"
    if not (prepared / "about.json").exists():
        prepare.main(["--to", str(prepared), *variant.preparing])
    began = []
    if phase == "second":
        if args.run is None:
            raise SystemExit("--run: the second phase begins with what the first one of a run ended with")
        began = ["--begin-with", str(args.run / "first" / "final")]
        began += ["--groups", str(args.run / "mined.jsonl.gz")] if variant.mined else []
    run = folder(args.to, phase, name)
    steps, queries = str(args.steps or STEPS[phase]), str(args.queries)
    sizes = ["--steps", steps, "--curve-every", steps, "--curve-queries", queries, "--save-every", "50"]
    sizes += ["--negatives", str(NEGATIVES[phase])]
    places = ["--prepared", str(prepared), "--run", str(run), *began]
    train.main([*places, *PHASES[phase], *sizes, *variant.training, *others])
    if phase == "second":
        same = ["--prepared", str(prepared), "--weights", str(run / "final")]
        calibrate.main([*same, "--to", str(run / "calibration.json")])


def page(to: Path) -> str:
    """The tables of both phases, as far as their runs are done, and how to read them."""
    words = (TEMPLATES / "ablation.md").read_text(encoding="utf-8")
    texts = {phase: table(to, phase) for phase in NAMES}
    for phase, variants in VARIANTS.items():
        file = folder(to, phase, next(iter(variants))) / "settings.json"
        settings = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        texts[f"steps_{phase}"] = str(settings.get("steps", STEPS[phase]))
        texts[f"negatives_{phase}"] = str(settings.get("negatives", NEGATIVES[phase]))
        texts["queries"] = str(settings.get("curve_queries", texts.get("queries", "as many")))
    for name, text in texts.items():
        words = words.replace(f"<<{name}>>", text)
    return words


def table(to: Path, phase: str) -> str:
    """What every run of a phase reached, and its distance from the whole phase with its 95% interval."""
    runs = {name: folder(to, phase, name) for name in NAMES[phase] if done(to, phase, name)}
    if not runs:
        return "*Not run yet.*\n"
    honest = " | off by, French | off by, English" if phase == "second" else ""
    head = f"| {HEADS[phase]} | French MRR@10 | | English nDCG@10 | {honest} |"
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
        lines.append(f"| {' | '.join([name, *cells, *_honesty(run, phase)])} |")
    if missing := [name for name in NAMES[phase] if name not in runs]:
        lines += ["", f"Not run yet: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def apart(values: dict[str, float], others: dict[str, float]) -> str:
    """Mean difference over the same questions, and half the width of its 95% interval (normal)."""
    differences = [value - others[query] for query, value in values.items()]
    half = 1.96 * stdev(differences) / math.sqrt(len(differences))
    return f"{fmean(differences):+.3f} ± {half:.3f}"


def _honesty(run: Path, phase: str) -> list[str]:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599) after one line of the logit."""
    if phase != "second":
        return []
    reliability = json.loads((run / "calibration.json").read_text(encoding="utf-8"))["one_line"]
    return [f"{calibrate.off_by(reliability[data]):.3f}" for data in COLUMNS]


def done(to: Path, phase: str, name: str) -> bool:
    """Whether a variant's figures are there."""
    run = folder(to, phase, name)
    return (run / "questions.json").exists() and (phase != "second" or (run / "calibration.json").exists())


def folder(to: Path, phase: str, name: str) -> Path:
    """Of a variant's run."""
    return to / phase / re.sub(r"[^a-z]+", "-", name.lower())


if __name__ == "__main__":
    main()
