"""Fine-tune the cross-encoder; cut it at any time and run it again, and it goes on where it was.

python -m recipe.train --prepared runs/prepared --run runs/first --steps 1400
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from recipe.averaging import Average
from recipe.batches import Groups
from recipe.curve import Curve
from recipe.losses import LOSSES
from recipe.model import MAX_LENGTH, TOKENIZER, classifier, lean, logits, tokenizer
from recipe.workers import Worker, run_workers

# Questions of each source a step: made ones first, then mostly people's.
FIRST = {"piaf": 2, "cloze": 2, "epqa": 1, "functions": 3}
THEN = {"piaf": 4, "cloze": 1, "epqa": 1, "functions": 2}
# Arguments that say where, not what.
PLACES = ("run", "prepared", "groups", "begin_with", "until")
# Made questions, and people's questions of the same language.
PEOPLES = {"cloze": "piaf", "functions": "epqa"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train to the end, from the beginning or from where a run was cut."""
    args = _arguments(arguments)
    args.run.mkdir(parents=True, exist_ok=True)
    _write_settings(args)
    run_workers(_train, args, args.workers if args.device == "cpu" else 1)


def _train(worker: Worker, args: argparse.Namespace) -> None:
    # Its own vocabulary too: two preparations may differ in a piece.
    start = args.begin_with or args.prepared / "start"
    groups = Groups(
        args.groups or args.prepared / "groups.jsonl.gz",
        seed=args.seed,
        negatives=args.negatives,
        excerpts=args.excerpts,
        soft=args.soft,
        varied=args.varied,
        titles=args.titles,
        natural=not args.sampled,
    )
    model = lean(classifier(start, args.seed, args.layers)).to(args.device)
    average = Average(model, args.average)
    encoder = tokenizer(start, args.max_length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.01, fused=True)
    first = _resume(args.run, model, average, optimizer)
    curve = Curve(tokenizer(start, MAX_LENGTH), args.curve_queries)
    for step in range(first, min(args.steps, args.until or args.steps)):
        began = time.monotonic()
        for setting in optimizer.param_groups:
            setting["lr"] = args.learning_rate * _schedule(step, args.steps)
        loss = _step(model, encoder, groups, step, worker, args)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        done = step + 1
        average.add(model, done)
        if worker.is_first:
            seconds = round(time.monotonic() - began, 2)
            _log(args.run, {"step": done, "loss": round(loss, 4), "seconds": seconds})
        if worker.is_first and (done % args.save_every == 0 or done in (args.steps, args.until)):
            _save(args.run, done, model, average, optimizer)
        if done % args.curve_every == 0 or done == args.steps:
            with average.applied(model):
                curve.point(args.run, done, model, worker)
    if worker.is_first and not (args.until and args.until < args.steps):
        with average.applied(model):
            model.save_pretrained(args.run / "final", safe_serialization=True)
        for name in TOKENIZER:
            shutil.copy(start / name, args.run / "final")
        print(f"trained weights in {args.run / 'final'}", flush=True)


def shares(step: int, args: argparse.Namespace) -> tuple[dict[str, int], dict[str, int]]:
    """How many questions of each source the steps before have taken, and how many this one takes."""
    turn = round(args.made_first * args.steps)
    before, after = min(step, turn), max(0, step - turn)
    first, then = (_without(counts, args.without) for counts in (FIRST, THEN))
    begun = {source: first[source] * before + then[source] * after for source in first}
    return begun, first if step < turn else then


def _without(counts: dict[str, int], sources: Sequence[str]) -> dict[str, int]:
    """The same number of questions a language, less a source of made ones."""
    left = dict(counts)
    for source in sources:
        left[PEOPLES[source]] += left.pop(source)
    return left


def _step(model, encoder, groups: Groups, step: int, worker: Worker, args: argparse.Namespace) -> float:
    """One step over every question's passages; returns the loss of this worker's part.

    A little cross-entropy of each single pair is added: a loss of differences alone does not care where
    zero is, and a score is only honest if .5 has a meaning.
    """
    asked = worker.part(groups.at(*shares(step, args), step))
    model.train()
    torch.manual_seed(args.seed * 1_000_003 + 2 * step + worker.number)
    pairs = [(group.query, passage) for group in asked for passage in group.passages]
    table = logits(model, encoder, pairs, batch_tokens=args.batch_tokens).view(len(asked), -1)
    target = torch.tensor([group.target for group in asked], device=args.device)
    relevant = torch.tensor([group.relevant for group in asked], device=args.device)
    weight = torch.tensor([group.stands_for for group in asked], device=args.device)
    single = binary_cross_entropy_with_logits(table, relevant, weight, reduction="sum") / len(asked)
    loss = LOSSES[args.loss](table, target) + args.pointwise * single
    loss.backward()
    worker.average_gradients(model)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return float(loss.detach())


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up over the first 5%, then linear decay to a twentieth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return max(0.05, (steps - step) / (steps - warm))


def _save(run: Path, step: int, model, average: Average, optimizer) -> None:
    """Write beside, then rename: a run cut in the middle of a save keeps the one before."""
    partial = run / "state.partial"
    state = {
        "step": step,
        "model": model.state_dict(),
        "average": average.state,
        "optimizer": optimizer.state_dict(),
    }
    torch.save(state, partial)
    partial.replace(run / "state.pt")


def _resume(run: Path, model, average: Average, optimizer) -> int:
    path = run / "state.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location=next(model.parameters()).device)
    model.load_state_dict(state["model"])
    average.state = state["average"]
    optimizer.load_state_dict(state["optimizer"])
    print(f"going on after step {state['step']}", flush=True)
    return int(state["step"])


def _write_settings(args: argparse.Namespace) -> None:
    settings = {name: value for name, value in vars(args).items() if name not in PLACES}
    settings.update(questions={"first": FIRST, "then": THEN})
    (args.run / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _log(run: Path, row: dict[str, float]) -> None:
    with (run / "log.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")
    if row["step"] % 10 == 0:
        print(row, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepared", type=Path, required=True, help="what recipe.prepare wrote")
    parser.add_argument("--groups", type=Path, help="the groups, if not as recipe.prepare left them")
    parser.add_argument("--begin-with", type=Path, help="weights of an earlier phase: its `final`")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run's state")
    parser.add_argument("--steps", type=int, default=1350)
    parser.add_argument("--until", type=int, help="stop after this step of them, to go on another time")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--negatives", type=int, default=5, help="negatives a question")
    parser.add_argument("--excerpts", type=float, default=0.7, help="share of questions with cut passages")
    parser.add_argument("--loss", choices=sorted(LOSSES), default="listwise")
    parser.add_argument("--varied", type=float, default=0.5, help="share of questions typed in a hurry")
    parser.add_argument("--soft", type=float, default=0.5, help="share of the bi-encoder's judgement")
    parser.add_argument("--titles", type=float, default=0.5, help="share of questions with titled passages")
    parser.add_argument("--pointwise", type=float, default=0.2, help="weight of the loss of single pairs")
    parser.add_argument("--sampled", action="store_true", help="in it, weigh all drawn passages alike")
    parser.add_argument(
        "--without", nargs="*", choices=sorted(PEOPLES), default=[], help="made questions to leave out"
    )
    parser.add_argument(
        "--made-first", type=float, default=0.3, help="share of steps of mostly made questions"
    )
    parser.add_argument("--layers", type=int, help="keep so many of the encoder's layers")
    parser.add_argument("--average", type=float, default=0.99, help="decay of the average of the weights")
    parser.add_argument("--max-length", type=int, default=256, help="tokens a pair")
    parser.add_argument("--batch-tokens", type=int, default=2048, help="padded tokens a forward pass")
    parser.add_argument("--save-every", type=int, default=25)
    parser.add_argument("--curve-every", type=int, default=200)
    parser.add_argument("--curve-queries", type=int, default=100)
    parser.add_argument("--device", default="cpu", help="cpu, or a card such as cuda")
    parser.add_argument("--workers", type=int, default=2, help="on a CPU, processes of one thread each")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
