"""From raw data to the packaged model, its verdicts, its figures and its card, by one command.

    python -m recipe.run --run runs/mini --to ../packages/pertinence-mini/src/pertinence_mini/model

A step whose files are there is not done again, and the training goes on where it was cut: so the same command
finishes what a cut left. `--small` goes through every step with little of everything, in a few minutes; its
model is good for nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pertinence_mini
from pertinence.cli import main as pertinence
from recipe import between, calibrate, card, mine, package, prepare, train
from recipe.data import data_folder
from recipe.model import TOKENIZER, base_folder

# Of each set, how many candidates are reranked. SciFact is for the last word alone: nothing chooses by it.
FIGURES = {"piaf-fr": 20, "epqa-en": 10, "scifact-en": 50}
SAMPLES = {"scifact-en": 150}  # of 809 questions: their abstracts are long
# The form whose verdict is shipped: the fastest on a CPU that ever passed.
JUDGED = ["--only", "openvino/bfloat16"]
# What the phases of the training do otherwise than recipe.train by default. The first learns what a question
# and its answer have in common, among what BM25 confuses; the second what the first still confuses.
PHASES = {
    "first": ["--titles", "0", "--sampled"],
    "second": ["--steps", "1200", "--learning-rate", "7e-5", "--made-first", "0", "--seed", "8"],
}
SMALL: dict[str, Any] = {
    "prepare": ["--most", "40"],
    "train": ["--steps", "4", "--curve-every", "4", "--curve-queries", "4", "--save-every", "2"],
    "calibrate": ["--most", "8"],
    "samples": dict.fromkeys(FIGURES, 3),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the run's state and figures")
    parser.add_argument(
        "--prepared", type=Path, help="folder of the prepared data (default: inside the run's)"
    )
    parser.add_argument("--to", type=Path, required=True, help="folder of the packaged model")
    parser.add_argument("--sample", type=int, help="measure the figures on so many questions of each set")
    parser.add_argument("--small", action="store_true", help="a rehearsal")
    args, training = parser.parse_known_args(arguments)
    prepared = args.prepared or args.run / "prepared"
    small = SMALL if args.small else {}
    if not (prepared / "about.json").exists():
        prepare.main(["--to", str(prepared), *small.get("prepare", [])])
    final = phases(args.run, prepared, [*small.get("train", []), *training])
    line = args.run / "calibration.json"
    if not line.exists():
        same = ["--prepared", str(prepared), "--weights", str(final)]
        calibrate.main([*same, "--to", str(line), *small.get("calibrate", [])])
    package.main(["--weights", str(final), "--calibration", str(line), "--to", str(args.to)])
    if not args.small:
        own = args.to.resolve() == pertinence_mini.folder().resolve()
        # Named as users name it, where it is the embedded default itself.
        _run("tune", *([] if own else [str(args.to)]), "--ship", *JUDGED, *_sets("piaf-fr", "epqa-en"))
    samples = dict.fromkeys(FIGURES, args.sample) if args.sample else SAMPLES
    measure(args.to, args.run / "figures", small.get("samples", samples), beside=not args.small)
    card.main(["--run", str(args.run), "--prepared", str(prepared), "--to", str(args.to)])


def phases(run: Path, prepared: Path, training: Sequence[str]) -> Path:
    """Train both phases, as far as they are not; the folder of the weights between them."""
    first, second = (run / name / "final" for name in PHASES)
    both = run / between.BOTH
    mined = run / "mined.jsonl.gz"
    same = ["--prepared", str(prepared)]
    if not trained(first):
        train.main([*same, "--run", str(first.parent), *PHASES["first"], *training])
    if not mined.exists():
        mine.main([*same, "--weights", str(first), "--to", str(mined)])
    if not trained(second):
        began = ["--groups", str(mined), "--begin-with", str(first)]
        train.main([*same, *began, "--run", str(second.parent), *PHASES["second"], *training])
    if not trained(both):
        between.main(["--weights", str(first), str(second), "--to", str(both)])
    return both


def trained(final: Path) -> bool:
    """Whether the training came to its end: the tokenizer is what it writes last."""
    return (final / TOKENIZER[-1]).exists()


def measure(model: Path, to: Path, samples: Mapping[str, int] = SAMPLES, *, beside: bool = True) -> None:
    """The dev sets by `pertinence evaluate`, BM25 and the bi-encoder that the model was made of beside it."""
    embedder = ["--embedder", f"all-MiniLM-L6-v2={base_folder()}", "--no-retrieval"] if beside else []
    for name, depth in FIGURES.items():
        sample = ["--sample", str(samples[name])] if name in samples else []
        _run(
            *("evaluate", f"pertinence-mini={model}", *embedder),
            *("--data", str(data_folder() / name), "--split", "dev", "--top", str(depth)),
            *("--measures", "MRR@10", "nDCG@10", "--output", str(to / name), *sample),
        )


def _sets(*names: str) -> list[str]:
    return [part for name in names for part in ("--sets", str(data_folder() / name / "qrels" / "dev.trec"))]


def _run(*arguments: str) -> None:
    print(json.dumps(["pertinence", *arguments]), flush=True)
    if status := pertinence(list(arguments)):
        raise SystemExit(status)


if __name__ == "__main__":
    main()
