"""Teach the encoder French before it learns to rank: a translation should mean what its English means.

    python -m recipe.bilingual --prepared runs/prepared --sources runs/sources --run runs/bilingual

The pretrained encoder stays as it is and says what an English text means; a copy of it with the bilingual
vocabulary learns to say the same of the text and of its translation (Reimers and Gurevych 2020,
arXiv:2004.09813). Cut it at any time and run it again, and it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from transformers import AutoModel

from recipe import state
from recipe.averaging import Average
from recipe.lowered import Lowered
from recipe.model import TOKENIZER, base_folder, embeddings, plain_attention, tokenizer
from recipe.twins import twins
from recipe.workers import Worker, run_workers

MAX_LENGTH = 160  # tokens; a longer text is left out, since its translation would be cut elsewhere
LONGEST = 100  # words of French, about as many tokens as that
# Every so manieth English text is learnt again: as much as keeps what the copy could do.
AGAIN = 2

# Steps whose texts are sorted by length among each other.
SORTED = 50

Pair = tuple[str, str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train to the end, from the beginning or from where a run was cut."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prepared", type=Path, required=True, help="what recipe.prepare wrote")
    parser.add_argument("--sources", type=Path, required=True, help="what recipe.fetch wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run's state")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--texts", type=int, default=128, help="texts a step, each with its translation")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--average", type=float, default=0.99, help="decay of the average of the weights")
    parser.add_argument("--batch-tokens", type=int, default=4096, help="padded tokens a forward pass")
    parser.add_argument("--save-every", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    args = parser.parse_args(arguments)
    args.run.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in vars(args).items() if not isinstance(value, Path)}
    pairs = len(paragraphs(args.sources))
    (args.run / "settings.json").write_text(json.dumps(settings | {"pairs": pairs}, indent=2) + "\n", "utf-8")
    run_workers(_train, args, args.workers)


def paragraphs(sources: Path) -> list[Pair]:
    """Every heading, paragraph and word, French and English, each French text once."""
    found: dict[str, str] = {}
    for twin in twins(sources):
        for french, english in zip(twin.french, twin.english, strict=True):
            if len(french.split()) <= LONGEST:
                found.setdefault(french, english)
    return list(found.items())


def _train(worker: Worker, args: argparse.Namespace) -> None:
    start = args.prepared / "start"
    pairs = paragraphs(args.sources)
    teacher, learner = (
        AutoModel.from_pretrained(folder, dtype=torch.float32) for folder in (base_folder(), start)
    )
    for model in (teacher, learner):
        plain_attention(model.eval())
    taught, learnt = (tokenizer(folder, MAX_LENGTH) for folder in (base_folder(), start))
    average, lowered = Average(learner, args.average), Lowered(learner)
    teacher.to(torch.bfloat16)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.learning_rate, weight_decay=0.01, fused=True)
    for step in range(state.resume(args.run, learner, average, optimizer), args.steps):
        began = time.monotonic()
        for setting in optimizer.param_groups:
            setting["lr"] = args.learning_rate * state.schedule(step, args.steps)
        lowered.follow()
        asked = worker.part(at(pairs, args.seed, step, args.texts), lambda pair: len(pair[0]))
        french, english = [pair[0] for pair in asked], [pair[1] for pair in asked]
        with torch.no_grad():
            meant = embeddings(teacher, taught, english, batch_tokens=args.batch_tokens)
        said = embeddings(lowered.network, learnt, french + english[::AGAIN], batch_tokens=args.batch_tokens)
        # Of vectors of length 1, the squared distance is twice what the cosine lacks of 1.
        loss = (1 - (said * torch.cat([meant, meant[::AGAIN]])).sum(dim=1)).mean()
        loss.backward()
        lowered.hand_over()
        worker.average_gradients(learner)
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.add(learner, step + 1)
        if worker.is_first:
            seconds = round(time.monotonic() - began, 2)
            state.log(
                args.run, {"step": step + 1, "loss": round(float(loss.detach()), 4), "seconds": seconds}
            )
            if (step + 1) % args.save_every == 0 or step + 1 == args.steps:
                state.save(args.run, step + 1, learner, average, optimizer)
    if worker.is_first:
        with average.applied(learner):
            learner.save_pretrained(args.run / "final", safe_serialization=True)
        for name in TOKENIZER:
            shutil.copy(start / name, args.run / "final")
        print(f"bilingual encoder in {args.run / 'final'}", flush=True)


def at(pairs: Sequence[Pair], seed: int, step: int, count: int) -> list[Pair]:
    """The pairs of one step: every one once before any comes again, in an order of each epoch's own.

    Those of a step are of like length, so that little of it is padding.
    """
    steps = len(pairs) // count
    if not steps:
        return random.Random(f"{seed}-{step}").choices(pairs, k=count)
    epoch, offset = divmod(step, steps)
    order = _order(tuple(len(french) for french, _ in pairs), count, f"{seed}-{epoch}")
    return [pairs[place] for place in order[offset * count : (offset + 1) * count]]


@lru_cache(maxsize=2)
def _order(lengths: tuple[int, ...], count: int, seed: str) -> list[int]:
    rng = random.Random(seed)
    places = list(range(len(lengths)))
    rng.shuffle(places)
    steps: list[list[int]] = []
    for start in range(0, len(places), count * SORTED):
        near = sorted(places[start : start + count * SORTED], key=lambda place: lengths[place])
        steps += [near[first : first + count] for first in range(0, len(near) - count + 1, count)]
    rng.shuffle(steps)
    return [place for step in steps for place in step]


if __name__ == "__main__":
    main()
