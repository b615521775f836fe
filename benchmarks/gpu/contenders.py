"""Who is measured: sentence-transformers as it comes and at its fastest, and ours, in the same precisions."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Contender", "contenders", "tidy"]

Logits = npt.NDArray[np.float32]


@dataclass(kw_only=True)
class Contender:
    """One way to score.

    Attributes:
        name: in the tables.
        score: logits of a query and its passages.
        close: gives the model's memory back.
        facts: what is to be told of it, once it has run.
        whole: its last layer computes every token's row, not the first one's alone.
    """

    name: str
    score: Callable[[str, Sequence[str]], Logits]
    close: Callable[[], None]
    facts: Callable[[], dict[str, Any]]
    whole: bool


def contenders(folder: Path, device: str) -> dict[str, Callable[[], Contender]]:
    """What opens each, by name; the first is what others are held against."""
    peers: dict[str, Callable[[], Contender]] = {
        "st float32": lambda: _peer("st float32", folder, device, "float32", batch=32),
        "st bfloat16": lambda: _peer("st bfloat16", folder, device, "bfloat16", batch=32),
        # Its documentation's advice for speed: low precision, its own sorting by length, large batches.
        "st fastest": lambda: _peer("st fastest", folder, device, "bfloat16", batch=256),
    }
    if find_spec("flash_attn") is not None:
        peers["st flash"] = lambda: _peer(
            "st flash", folder, device, "bfloat16", batch=256, attention="flash_attention_2"
        )
    return {
        **peers,
        "ours float32": lambda: _own("ours float32", folder, device, "float32"),
        "ours bfloat16": lambda: _own("ours bfloat16", folder, device, "bfloat16"),
        "ours graphs": lambda: _own("ours graphs", folder, device, "bfloat16", graphs="1"),
    }


def tidy() -> None:
    """Let nothing of the last contender be counted as the next one's.

    Raises:
        RuntimeError: the card does not answer, or its allocator is stuck after a recording that failed.
    """
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peer(
    name: str, folder: Path, device: str, dtype: str, *, batch: int, attention: str = "sdpa"
) -> Contender:
    import torch
    from sentence_transformers import CrossEncoder

    held = [
        CrossEncoder(
            str(folder),
            device=device,
            local_files_only=True,
            model_kwargs={"dtype": getattr(torch, dtype), "attn_implementation": attention},
        )
    ]

    def score(query: str, texts: Sequence[str]) -> Logits:
        logits = held[0].predict(
            [(query, text) for text in texts],
            batch_size=batch,
            show_progress_bar=False,
            activation_fn=torch.nn.Identity(),
        )
        return np.asarray(logits, dtype=np.float32)

    facts = {"batches": f"padded, of {batch}, {attention}"}
    return Contender(name=name, score=score, close=held.clear, facts=lambda: facts, whole=True)


def _own(name: str, folder: Path, device: str, dtype: str, *, graphs: str = "0") -> Contender:
    from pertinence.local.serving.scorer import LocalScorer
    from pertinence.options import Options

    options = Options.of(
        {
            "model": str(folder),
            "device": device,
            "backend": "torch",
            "dtype": dtype,
            "score_kind": "logit",
        }
    )
    os.environ["PERTINENCE_CUDA_GRAPHS"] = graphs
    scorer = LocalScorer(options)
    scorer.warm_up().result()
    running = scorer._lease.model._running[0]
    packed = getattr(running, "_packed", None)

    def score(query: str, texts: Sequence[str]) -> Logits:
        return np.asarray(scorer.submit(query, texts).result().values)

    def facts() -> dict[str, Any]:
        told = {
            "batches": "padded" if packed is None else f"packed, {packed.way}",
            "batch_tokens": running.batch_tokens,
        }
        replaying = getattr(running, "_replaying", None)
        if replaying is not None:
            # Where none was recorded the batches ran as they are, and the figure is not of graphs.
            told["recorded"] = ", ".join(
                str(bucket.tokens) for bucket, replay in replaying.recorded.items() if replay
            )
        return told

    return Contender(name=name, score=score, close=scorer.close, facts=facts, whole=False)
