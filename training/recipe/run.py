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
from recipe import between, bilingual, calibrate, card, fetch, latency, package, prepare, train, unseen
from recipe.data import data_folder, set_folder
from recipe.model import TOKENIZER, base_folder

# Of each set, how many candidates are reranked. Nothing is trained on SciFact.
FIGURES = {"piaf-fr": 20, "epqa-en": 10, "scifact-en": 50, unseen.NAME: 20}
SAMPLES = {"scifact-en": 150}  # of 809 questions: their abstracts are long
# The form whose verdict is shipped: the fastest on a CPU that ever passed.
JUDGED = ["--only", "openvino/bfloat16"]
# In the folder of a run.
PREPARED, BILINGUAL, LATENCY = "prepared", "bilingual", "latency.json"
SMALL: dict[str, Any] = {
    "prepare": ["--most", "40"],
    "bilingual": ["--steps", "2", "--texts", "8"],
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
    parser.add_argument("--sources", type=Path, help="what recipe.fetch wrote (default: inside the run's)")
    parser.add_argument("--to", type=Path, required=True, help="folder of the packaged model")
    parser.add_argument("--sample", type=int, help="measure the figures on so many questions of each set")
    parser.add_argument("--small", action="store_true", help="a rehearsal")
    args, training = parser.parse_known_args(arguments)
    small = SMALL if args.small else {}
    final = weights(args.run, args.sources or args.run / "sources", small, training)
    line = args.run / "calibration.json"
    same = ["--prepared", str(args.run / PREPARED)]
    if not line.exists():
        calibrate.main([*same, "--weights", str(final), "--to", str(line), *small.get("calibrate", [])])
    package.main(["--weights", str(final), "--calibration", str(line), "--to", str(args.to)])
    if not args.small:
        own = args.to.resolve() == pertinence_mini.folder().resolve()
        # Named as users name it, where it is the embedded default itself.
        _run("tune", *([] if own else [str(args.to)]), "--ship", *JUDGED, *_sets("piaf-fr", "epqa-en"))
    samples = dict.fromkeys(FIGURES, args.sample) if args.sample else SAMPLES
    measure(args.to, args.run, small.get("samples", samples), beside=not args.small)
    latency.main(["--model", str(args.to), "--to", str(args.run / LATENCY)])
    card.main([*same, "--run", str(args.run), "--to", str(args.to)])


def weights(run: Path, sources: Path, small: Mapping[str, Any], training: Sequence[str]) -> Path:
    """Fetch, prepare, teach French and train, as far as that is not done; the trained weights' folder."""
    prepared, french = run / PREPARED, run / BILINGUAL
    if not fetch.fetched(sources):
        fetch.main(["--to", str(sources)])
    same = ["--prepared", str(prepared)]
    if not (prepared / prepare.ABOUT).exists():
        prepare.main(["--sources", str(sources), "--to", str(prepared), *small.get("prepare", [])])
    if not trained(french / "final"):
        bilingual.main([*same, "--sources", str(sources), "--run", str(french), *small.get("bilingual", [])])
    final, ends, both = french / "final", [], run / between.BOTH
    for name, otherwise in train.PHASES.items():
        began = ["--begin-with", str(final), "--run", str(run / name)]
        final = run / name / "final"
        if not trained(final):
            train.main([*same, *began, *otherwise, *small.get("train", []), *training])
        ends.append(str(final))
    if not trained(both):
        between.main(["--weights", *ends, "--to", str(both)])
    return both


def trained(final: Path) -> bool:
    """Whether the training came to its end: the tokenizer is what it writes last."""
    return (final / TOKENIZER[-1]).exists()


def measure(model: Path, run: Path, samples: Mapping[str, int] = SAMPLES, *, beside: bool = True) -> None:
    """The dev sets by `pertinence evaluate`, BM25 and the bi-encoder that the model was made of beside it."""
    embedder = ["--embedder", f"all-MiniLM-L6-v2={base_folder()}", "--no-retrieval"] if beside else []
    for name, depth in FIGURES.items():
        sample = ["--sample", str(samples[name])] if name in samples else []
        _run(
            *("evaluate", f"pertinence-mini={model}", *embedder),
            *("--data", str(set_folder(name, run / PREPARED)), "--split", "dev", "--top", str(depth)),
            *("--measures", "MRR@10", "nDCG@10", "--output", str(run / "figures" / name), *sample),
        )


def _sets(*names: str) -> list[str]:
    return [part for name in names for part in ("--sets", str(data_folder() / name / "qrels" / "dev.trec"))]


def _run(*arguments: str) -> None:
    print(json.dumps(["pertinence", *arguments]), flush=True)
    if status := pertinence(list(arguments)):
        raise SystemExit(status)


if __name__ == "__main__":
    main()
