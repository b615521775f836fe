"""How long a reader waits: twenty passages of 120 tokens, in the forms that a user may run.

python -m recipe.latency --model MODEL --to runs/latency.json
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from tokenizers import Tokenizer

from pertinence import Reranker
from pertinence.local.machine.processor import processor

PASSAGES, TOKENS, CALLS = 20, 120, 15
QUESTION = "Où se trouve le musée de la mer ?"
TEXT = "Le musée de la mer se trouve sur le vieux port, dans une ancienne halle que la ville a refaite."
# What the base install runs, then what the extras add.
FORMS = {
    "base install: onnxruntime, float32": ("onnx", "float32"),
    "extra `openvino`, float32": ("openvino", "float32"),
    "extra `openvino`, bfloat16": ("openvino", "bfloat16"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of the packaged model")
    parser.add_argument("--to", type=Path, required=True, help="JSON file of the figures")
    args = parser.parse_args(arguments)
    texts = passages(Tokenizer.from_file(str(args.model / "tokenizer.json")))
    # Each in a process of its own: see `pertinence.local.serving.subprocess_scorer`.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        asked = {
            name: processes.submit(milliseconds, args.model, *form, texts) for name, form in FORMS.items()
        }
        found = {name: each.result() for name, each in asked.items()}
    about = {"processor": processor().name, "cores": os.cpu_count(), "median_ms": found}
    args.to.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    print(about)


def passages(tokenizer: Tokenizer) -> list[str]:
    """Passages that are, with the question, `TOKENS` long each; no two alike."""
    texts = []
    for first in range(PASSAGES):
        words = (TEXT.split() * TOKENS)[first : first + TOKENS]
        while len(tokenizer.encode(QUESTION, " ".join(words)).ids) > TOKENS:
            words.pop()
        texts.append(" ".join(words))
    return texts


def milliseconds(model: Path, backend: str, dtype: str, texts: Sequence[str]) -> float:
    """Median of a call, once the model is loaded and has been asked."""
    with Reranker(str(model), backend=backend, dtype=dtype) as reranker:
        reranker.rank(QUESTION, texts)
        seconds = []
        for _ in range(CALLS):
            began = time.perf_counter()
            reranker.rank(QUESTION, texts)
            seconds.append(time.perf_counter() - began)
    return round(1000 * median(seconds), 1)


if __name__ == "__main__":
    main()
