"""Write the model's card, its pictures and its notices from the files of a run, and with them its figures.

python -m recipe.card --run runs --prepared runs/prepared --to MODEL
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipe import plots, unseen
from recipe.between import SHARE
from recipe.calibrate import off_by, reliability
from recipe.curve import SETS
from recipe.data import judgements, set_folder
from recipe.train import PHASES

TEMPLATES = Path(__file__).parent / "templates"
CANDIDATES = {
    "piaf-fr": "BM25's first 20",
    "epqa-en": "the ten judged candidates, in random order",
    "scifact-en": "BM25's first 50",
    unseen.NAME: "BM25's first 20",
}

# Question, logit and whether it is right, of one candidate.
Judgement = tuple[str, float, bool]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write README.md, NOTICE, curve.svg and reliability.svg into the model's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: settings, curve, figures")
    parser.add_argument("--prepared", type=Path, required=True, help="what recipe.prepare wrote")
    parser.add_argument("--to", type=Path, required=True, help="folder of the packaged model")
    args = parser.parse_args(arguments)
    french, *phases = (_json(args.run / name / "settings.json") for name in ("bilingual", *PHASES))
    ranking, people = phases
    calibration, about = _json(args.run / "calibration.json"), _json(args.prepared / "about.json")
    config = _json(args.to / "config.json")
    curve = learning_curve(args.run)
    plots.learning_curve(curve, args.to / "curve.svg")
    figures = {name: args.run / "figures" / name for name in CANDIDATES}
    judged = {
        name: list(_judged(set_folder(name, args.prepared), folder)) for name, folder in figures.items()
    }
    dev = {name: on_dev(judged[name]) for name in calibration["reliability"]}
    plots.reliability(dev, args.to / "reliability.svg")
    reports = {name: _json(folder / "report.json")["results"][0] for name, folder in figures.items()}
    shares = {name: answerable(pairs) for name, pairs in judged.items()}
    card = (TEMPLATES / "card.md").read_text(encoding="utf-8")
    for name, text in {
        **{name: str(value) for name, value in ranking.items()},
        **{f"people_{name}": str(value) for name, value in people.items()},
        **{f"french_{name}": f"{value:,}" for name, value in french.items()},
        "size": f"{sum(file.stat().st_size for file in args.to.iterdir()) / 1e6:.1f}",
        "pieces": f"{config['vocab_size']:,}",
        **{f"pieces_{name}": f"{count:,}" for name, count in about["vocabulary"].items()},
        **{f"questions_{name}": f"{count:,}" for name, count in about["questions"].items()},
        "documentation": ", ".join(f"{name} {version}" for name, version in about["documentation"].items()),
        "share": f"{SHARE:g}",
        "mix": mix(ranking),
        "people_mix": mix(people),
        "together": str(sum(ranking["questions"].values())),
        "draws": f"{sum(each['steps'] * sum(each['questions'].values()) for each in phases):,}",
        "figures": figures_table(reports, shares),
        "notes": "\n".join(f"- {note}" for note in figures_notes(reports)),
        "curve": curve_table(curve),
        **speed(_json(args.run / "latency.json")),
        "pairs": f"{sum(calibration['pairs'].values()):,}",
        "reliability": reliability_table(dev),
        **honesty(calibration, dev),
    }.items():
        card = card.replace(f"<<{name}>>", text)
    if "<<" in card:
        raise SystemExit(
            f"the card's template asks for what the run does not have: {card[card.index('<<') :][:40]}"
        )
    (args.to / "README.md").write_text(card, encoding="utf-8")
    notice = (TEMPLATES / "notice.txt").read_text(encoding="utf-8")
    (args.to / "NOTICE").write_text(notice, encoding="utf-8")
    print(args.to / "README.md")


def learning_curve(run: Path) -> list[dict[str, Any]]:
    """Every point of the phases, steps counted from the beginning of the first."""
    points: list[dict[str, Any]] = []
    for name in PHASES:
        before = points[-1]["step"] if points else 0
        lines = (run / name / "curve.jsonl").read_text(encoding="utf-8").splitlines()
        # A run that was cut may have measured a point twice.
        last = {point["step"]: point for point in map(json.loads, lines)}
        points += [point | {"step": before + step} for step, point in last.items()]
    return points


def mix(settings: Mapping[str, Any]) -> str:
    """How many questions of each source a step takes, in words."""
    return ", ".join(f"{count} `{source}`" for source, count in settings["questions"].items())


def figures_table(reports: dict[str, Any], shares: dict[str, float]) -> str:
    """Every system on every set, with its interval; answerable questions apart."""
    rows = [
        "| set | order | MRR@10 | nDCG@10 | MRR@10, answer present |",
        "|---|---|---|---|---|",
    ]
    for name, report in reports.items():
        for system in report["systems"]:
            if system["kind"] == "retrieval":
                continue
            label = "random order" if (name, system["kind"]) == ("epqa-en", "first stage") else system["name"]
            values = [_interval(system["measures"][measure]) for measure in ("MRR@10", "nDCG@10")]
            present = f"{system['measures']['MRR@10']['mean'] / shares[name]:.3f}"
            rows.append(f"| `{name}` | {label.replace('bm25', 'BM25')} | {' | '.join(values)} | {present} |")
    return "\n".join(rows)


def figures_notes(reports: dict[str, Any]) -> list[str]:
    """What was reranked, and how the model compares with the first stage."""
    notes = []
    for name, report in reports.items():
        test = next(
            each
            for each in report["comparisons"]
            if each["second"] == "pertinence-mini" and each["measure"] == "nDCG@10"
        )
        sample = " ".join(note for note in report["notes"] if note.startswith("A sample"))
        notes.append(
            f"`{name}` dev, {CANDIDATES[name]}: {report['queries']:,} questions. {sample} nDCG@10 changes by "
            f"{test['difference']:+.3f} (95% interval {test['low']:+.3f} to {test['high']:+.3f})."
        )
    return [" ".join(note.split()) for note in notes]


def answerable(pairs: Sequence[Judgement]) -> float:
    """Share of the reranked questions with a relevant passage among the candidates.

    The others count as 0 in every order, so a mean over the answerable ones is the mean over this share.
    """
    return len({query for query, _, right in pairs if right}) / len({query for query, _, _ in pairs})


def on_dev(pairs: Sequence[Judgement]) -> list[dict[str, float]]:
    """Reliability of the probabilities on the reranked candidates, which nothing was fitted on."""
    _, logits, labels = zip(*pairs, strict=True)
    return reliability(1 / (1 + np.exp(-np.array(logits))), np.array(labels, dtype=float))


def _judged(data: Path, figures: Path) -> Iterator[Judgement]:
    """Every reranked candidate of a set."""
    qrels = judgements(data, "dev")
    with next(figures.glob("runs/*/pertinence-mini.trec")).open(encoding="utf-8") as run:
        for line in run:
            query, _, passage, _, logit, _ = line.split()
            yield query, float(logit), qrels[query].get(passage, 0) > 0


def curve_table(curve: list[dict[str, Any]]) -> str:
    """MRR@10 and nDCG@10 by training step."""
    head = ["step", *(f"`{name}` {measure}" for name in SETS for measure in ("MRR@10", "nDCG@10"))]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for point in curve:
        cells = [f"{point[name][measure]:.3f}" for name in SETS for measure in ("RR@10", "nDCG@10")]
        rows.append(f"| {point['step']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def reliability_table(bins_of: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """What the probability said beside what was found."""
    rows = ["| set | pairs | probability said | share relevant |", "|---|---|---|---|"]
    for name, bins in bins_of.items():
        rows += [f"| `{name}` | {b['pairs']:,} | {b['said']:.2f} | {b['found']:.2f} |" for b in bins]
    return "\n".join(rows)


def honesty(calibration: dict[str, Any], dev: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, str]:
    """How far the probabilities are off, on dev and where they were fitted; what that did to the order."""
    texts = {}
    for name, bins in dev.items():
        language = name.rpartition("-")[2]
        texts[f"off_{language}_dev"] = f"{off_by(bins):.3f}"
        for key, form in (("reliability", ""), ("one_line", "_line")):
            texts[f"off_{language}{form}"] = f"{off_by(calibration[key][name]):.3f}"
        for by, value in calibration["rr"][name].items():
            texts[f"rr_{language}_{by}"] = f"{value:.3f}"
    return texts


def speed(latency: Mapping[str, Any]) -> dict[str, str]:
    """The processor, and a row for each form."""
    rows = [f"| {form} | {milliseconds:,.0f} |" for form, milliseconds in latency["median_ms"].items()]
    return {"processor": f"{latency['processor']}, {latency['cores']} cores", "latency": "\n".join(rows)}


def _interval(measure: dict[str, float]) -> str:
    return f"{measure['mean']:.3f} ({measure['low']:.3f} to {measure['high']:.3f})"


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    main()
