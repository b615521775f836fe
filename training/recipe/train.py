"""Fine-tune the cross-encoder; cut it at any time and run it again, and it goes on where it was.

python -m recipe.train --prepared runs/prepared --begin-with runs/bilingual/final --run runs/ranking
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

from recipe import state
from recipe.averaging import Average
from recipe.batches import Group, Groups
from recipe.curve import Curve
from recipe.losses import LOSSES
from recipe.lowered import Lowered
from recipe.model import MAX_LENGTH, TOKENIZER, classifier, lean, logits, plain_attention, tokenizer
from recipe.workers import Worker, run_workers

# Questions of each source a step.
MIX = {"piaf": 3, "services": 3, "twins_fr": 1, "epqa": 1, "functions": 1, "twins_en": 1}
# What takes another source's place, where it is left out: people's questions of the same language.
PEOPLES = {"services": "piaf", "twins_fr": "piaf", "functions": "epqa", "twins_en": "epqa"}
# What recipe.run has each phase do otherwise. The first one reads everything; the second, people's questions
# and some to documented functions, with passages of prose: it is what most readers of the model will ask.
PHASES = {
    "ranking": [],
    "people": [
        *("--steps", "300", "--learning-rate", "5e-5", "--seed", "8"),
        *("--without", "services", "twins_fr", "twins_en"),
    ],
}
# Arguments that say where, not what.
PLACES = ("run", "prepared", "begin_with", "until")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train to the end, from the beginning or from where a run was cut."""
    args = _arguments(arguments)
    args.run.mkdir(parents=True, exist_ok=True)
    _write_settings(args)
    run_workers(_train, args, args.workers if args.device == "cpu" else 1)


def _train(worker: Worker, args: argparse.Namespace) -> None:
    start = args.begin_with or args.prepared / "start"
    counts = mix(args.without, args.questions)
    groups = Groups(
        args.prepared / "groups.jsonl.gz",
        sources=counts,
        seed=args.seed,
        negatives=args.negatives,
        excerpts=args.excerpts,
        soft=args.soft,
        varied=args.varied,
        titles=args.titles,
        natural=not args.sampled,
    )
    model = lean(classifier(start, args.seed, args.layers, args.dropout)).to(args.device)
    plain_attention(model)
    lowered = Lowered(model)
    average = Average(model, args.average)
    encoder = tokenizer(start, args.max_length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.01, fused=True)
    first = state.resume(args.run, model, average, optimizer)
    curve = Curve(tokenizer(start, MAX_LENGTH), args.curve_queries, args.prepared)
    for step in range(first, min(args.steps, args.until or args.steps)):
        began = time.monotonic()
        for setting in optimizer.param_groups:
            setting["lr"] = args.learning_rate * state.schedule(step, args.steps)
        lowered.follow()
        torch.manual_seed(args.seed * 1_000_003 + 2 * step + worker.number)
        loss = _step(lowered.network, encoder, worker.part(groups.at(counts, step), letters), args)
        lowered.hand_over()
        worker.average_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        done = step + 1
        average.add(model, done)
        if worker.is_first:
            seconds = round(time.monotonic() - began, 2)
            state.log(args.run, {"step": done, "loss": round(loss, 4), "seconds": seconds})
        # Before the state is saved: a run that is cut here measures the point again.
        if done % args.curve_every == 0 or done == args.steps:
            with average.applied(model):
                curve.point(args.run, done, model, worker)
        if worker.is_first and (done % args.save_every == 0 or done in (args.steps, args.until)):
            state.save(args.run, done, model, average, optimizer)
    if worker.is_first and not (args.until and args.until < args.steps):
        with average.applied(model):
            model.save_pretrained(args.run / "final", safe_serialization=True)
        for name in TOKENIZER:
            shutil.copy(start / name, args.run / "final")
        print(f"trained weights in {args.run / 'final'}", flush=True)


def mix(without: Sequence[str] = (), otherwise: Sequence[tuple[str, int]] = ()) -> dict[str, int]:
    """How many questions of each source a step takes; as many of each language, whatever is left out."""
    counts = MIX | dict(otherwise)
    for source in without:
        counts[PEOPLES[source]] += counts.pop(source)
    return counts


def letters(group: Group) -> int:
    """How much there is to read in a group."""
    return sum(map(len, group.passages))


def _step(model, encoder, asked: Sequence[Group], args: argparse.Namespace) -> float:
    """The gradients of one step's questions and passages; returns the loss.

    A little cross-entropy of each single pair is added: a loss of differences alone does not care where
    zero is, and a score is only honest if .5 has a meaning.
    """
    model.train()
    pairs = [(group.query, passage) for group in asked for passage in group.passages]
    table = logits(model, encoder, pairs, batch_tokens=args.batch_tokens).view(len(asked), -1)
    target = torch.tensor([group.target for group in asked], device=args.device)
    relevant = torch.tensor([group.relevant for group in asked], device=args.device)
    weight = torch.tensor([group.stands_for for group in asked], device=args.device)
    single = binary_cross_entropy_with_logits(table, relevant, weight, reduction="sum") / len(asked)
    loss = LOSSES[args.loss](table, target) + args.pointwise * single
    loss.backward()
    return float(loss.detach())


def _write_settings(args: argparse.Namespace) -> None:
    settings = {name: value for name, value in vars(args).items() if name not in PLACES}
    settings.update(questions=mix(args.without, args.questions))
    (args.run / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepared", type=Path, required=True, help="what recipe.prepare wrote")
    parser.add_argument("--begin-with", type=Path, help="an encoder that has learnt French: its `final`")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run's state")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--until", type=int, help="stop after this step of them, to go on another time")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--learning-rate", type=float, default=1.2e-4)
    parser.add_argument("--negatives", type=int, default=4, help="wrong passages a question")
    parser.add_argument("--excerpts", type=float, default=0.7, help="share of questions with cut passages")
    parser.add_argument("--loss", choices=sorted(LOSSES), default="listwise")
    parser.add_argument("--varied", type=float, default=0.5, help="share of questions typed in a hurry")
    parser.add_argument("--soft", type=float, default=0.5, help="share of the bi-encoder's judgement")
    parser.add_argument("--titles", type=float, default=0.5, help="share of questions with titled passages")
    parser.add_argument("--pointwise", type=float, default=0.2, help="weight of the loss of single pairs")
    parser.add_argument("--sampled", action="store_true", help="in it, weigh all drawn passages alike")
    parser.add_argument("--without", nargs="*", choices=sorted(PEOPLES), default=[])
    parser.add_argument(
        "--questions", nargs="*", type=_count, metavar="SOURCE=COUNT", default=[], help="a step, otherwise"
    )
    parser.add_argument("--dropout", type=float, default=0.0, help="of the layers' outputs")
    parser.add_argument("--layers", type=int, help="keep so many of the encoder's layers")
    parser.add_argument("--average", type=float, default=0.99, help="decay of the average of the weights")
    parser.add_argument("--max-length", type=int, default=256, help="tokens a pair")
    parser.add_argument("--batch-tokens", type=int, default=2048, help="padded tokens a forward pass")
    parser.add_argument("--save-every", type=int, default=25)
    parser.add_argument("--curve-every", type=int, default=250)
    parser.add_argument("--curve-queries", type=int, default=100)
    parser.add_argument("--device", default="cpu", help="cpu, or a card such as cuda")
    parser.add_argument("--workers", type=int, default=2, help="on a CPU, processes of one thread each")
    return parser.parse_args(arguments)


def _count(text: str) -> tuple[str, int]:
    source, _, count = text.partition("=")
    if source not in MIX or not count.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: one of {', '.join(MIX)}, = and a number")
    return source, int(count)


if __name__ == "__main__":
    main()
