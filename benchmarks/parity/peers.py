"""The libraries that cards show, each as its card shows it, in float32 on the CPU."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

__all__ = ["cross_encoder", "flag_reranker", "sentence_transformer", "sequence_classifier"]

Floats = npt.NDArray[np.float32]
Pairs = Sequence[tuple[str, str]]


def cross_encoder(folder: Path, pairs: Pairs, max_length: int) -> Floats:
    """`sentence_transformers.CrossEncoder.predict`: probabilities."""
    from sentence_transformers import CrossEncoder

    encoder = CrossEncoder(
        str(folder), device="cpu", max_length=max_length, model_kwargs={"dtype": "float32"}
    )
    return np.asarray(encoder.predict(list(pairs), batch_size=8, show_progress_bar=False))


def sequence_classifier(folder: Path, pairs: Pairs, max_length: int) -> Floats:
    """`transformers.AutoModelForSequenceClassification`: logits."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(pairs), 8):
            queries, texts = zip(*pairs[start : start + 8], strict=True)
            inputs = tokenizer(
                list(queries),
                list(texts),
                padding=True,
                truncation=True,
                max_length=max_length,
                return_tensors="pt",
            )
            rows.append(model(**inputs).logits.view(-1).float().numpy())
    return np.concatenate(rows)


def flag_reranker(python: Path, folder: Path, pairs: Pairs, max_length: int, kind: str) -> Floats:
    """`FlagEmbedding.FlagReranker.compute_score`, run by the Python of another environment: logits.

    It joins token ids by the rules of the tokenizer's class, which `kind` is: the file alone does not tell.

    Raises:
        subprocess.CalledProcessError: it failed; what it said stands on standard error.
    """
    with TemporaryDirectory(prefix="pertinence-parity-") as made:
        for file in folder.iterdir():
            (Path(made) / file.name).symlink_to(file)
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        (Path(made) / "tokenizer_config.json").unlink()
        (Path(made) / "tokenizer_config.json").write_text(json.dumps({**settings, "tokenizer_class": kind}))
        done = subprocess.run(
            [str(python), str(Path(__file__).with_name("flag_peer.py"))],
            input=json.dumps({"folder": made, "pairs": pairs, "max_length": max_length}),
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=True,
        )
    return np.array(json.loads(done.stdout), dtype=np.float32)


def sentence_transformer(folder: Path, texts: Sequence[str]) -> Floats:
    """`sentence_transformers.SentenceTransformer.encode`: vectors, of shape (texts, dims)."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": "float32"})
    return np.asarray(model.encode(list(texts), batch_size=8, show_progress_bar=False))
