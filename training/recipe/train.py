"""Fine-tune the cross-encoder; cut it at any time and run it again, and it goes on where it was.

python -m recipe.train --run runs/first --steps 600
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from recipe.batches import Group, TrainingSets, step_groups, training_sets
from recipe.data import Collection, load
from recipe.metrics import evaluate, reranked
from recipe.model import logits, tokenizer, untrained

POINTWISE_WEIGHT = 0.2


def main() -> None:
    args = _arguments()
    args.run.mkdir(parents=True, exist_ok=True)
    _write_settings(args)
    torch.set_num_threads(args.threads)
    sets = training_sets()
    model = untrained(args.seed)
    encoder = tokenizer(args.max_length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.01)
    first = _resume(args.run, model, optimizer)
    curve = _Curve(args)
    if first == 0:
        curve.point(0, model, encoder)
    for step in range(first, args.steps):
        began = time.monotonic()
        for setting in optimizer.param_groups:
            setting["lr"] = args.learning_rate * _schedule(step, args.steps)
        loss = _step(model, encoder, sets, step, args)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _log(
            args.run,
            {"step": step + 1, "loss": round(loss, 4), "seconds": round(time.monotonic() - began, 2)},
        )
        done = step + 1
        if done % args.save_every == 0 or done == args.steps:
            _save(args.run, done, model, optimizer)
        if done % args.curve_every == 0 or done == args.steps:
            curve.point(done, model, encoder)
    model.save_pretrained(args.run / "final", safe_serialization=True)
    print(f"trained weights in {args.run / 'final'}")


def _step(model, encoder, sets: TrainingSets, step: int, args: argparse.Namespace) -> float:
    """One listwise softmax step over every question's passages; returns the loss.

    A little cross-entropy of each single pair is added: the softmax alone does not care where zero
    is, and a score is only honest if .5 has a meaning.
    """
    groups: list[Group] = step_groups(
        sets, step, seed=args.seed, french=args.french, english=args.english, negatives=args.negatives
    )
    model.train()
    torch.manual_seed(args.seed * 1_000_003 + step)
    pairs = [(group.query, passage) for group in groups for passage in group.passages]
    scores = logits(model, encoder, pairs, batch_tokens=args.batch_tokens)
    table = scores.view(len(groups), args.negatives + 1)
    listwise = cross_entropy(table, torch.zeros(len(groups), dtype=torch.long))
    labels = torch.zeros_like(table)
    labels[:, 0] = 1.0
    single = binary_cross_entropy_with_logits(table, labels)
    loss = listwise + POINTWISE_WEIGHT * single
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return float(loss.detach())


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up over the first 5%, then linear decay to a twentieth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return max(0.05, (steps - step) / (steps - warm))


class _Curve:
    """The learning curve: a fixed sample of dev questions, ten candidates or twenty each."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._sets = {"piaf-fr": load("piaf-fr", "dev"), "epqa-en": load("epqa-en", "dev")}
        self._samples = {name: self._sample(data, args.curve_queries) for name, data in self._sets.items()}

    @staticmethod
    def _sample(data: Collection, count: int) -> list[str]:
        names = sorted(data.queries)
        return random.Random("curve").sample(names, min(count, len(names)))

    @torch.inference_mode()
    def point(self, step: int, model, encoder) -> None:
        model.eval()
        row: dict[str, object] = {"step": step}
        for name, data in self._sets.items():
            ranking = reranked(
                data,
                self._samples[name],
                20,
                lambda query, passages: logits(
                    model, encoder, [(query, p) for p in passages], batch_tokens=self._args.batch_tokens
                ).tolist(),
            )
            row[name] = evaluate(ranking, data.qrels)
        with (self._args.run / "curve.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        print(row, flush=True)


def _save(run: Path, step: int, model, optimizer) -> None:
    """Write beside, then rename: a run cut in the middle of a save keeps the one before."""
    partial = run / "state.partial"
    torch.save({"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, partial)
    partial.replace(run / "state.pt")


def _resume(run: Path, model, optimizer) -> int:
    path = run / "state.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    print(f"going on after step {state['step']}", flush=True)
    return int(state["step"])


def _write_settings(args: argparse.Namespace) -> None:
    settings = {name: value for name, value in vars(args).items() if name != "run"}
    settings["pointwise_weight"] = POINTWISE_WEIGHT
    (args.run / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _log(run: Path, row: dict[str, float]) -> None:
    with (run / "log.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")
    if row["step"] % 10 == 0:
        print(row, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of this run's state")
    parser.add_argument("--steps", type=int, default=750)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--learning-rate", type=float, default=6e-5)
    parser.add_argument("--french", type=int, default=6, help="French questions a step")
    parser.add_argument("--english", type=int, default=2, help="English questions a step")
    parser.add_argument("--negatives", type=int, default=5, help="negatives a question")
    parser.add_argument("--max-length", type=int, default=256, help="tokens a pair")
    parser.add_argument("--batch-tokens", type=int, default=1536, help="padded tokens a forward pass")
    parser.add_argument("--save-every", type=int, default=25)
    parser.add_argument("--curve-every", type=int, default=125)
    parser.add_argument("--curve-queries", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
