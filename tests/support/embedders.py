"""Random-weight embedding models: a network of `support.models` in a sentence-transformers folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from support.models import SHAPES, build

__all__ = ["build_embedder", "write"]


def build_embedder(
    shape: str,
    folder: Path,
    *,
    pooling: str | list[str] = "mean",
    normalise: bool = True,
    place: str = "",
    tokenizer: Tokenizer | None = None,
    settings: dict[str, Any] | None = None,
    saved: dict[str, Any] | None = None,
    further: Sequence[Any] = (),
    include_prompt: bool = True,
    network: Path | None = None,
    layers: int | None = None,
) -> Path:
    """Write an embedding model of this shape into `folder`.

    Args:
        shape: a key of `SHAPES`.
        folder: where to; made if need be.
        pooling: a mode of sentence-transformers, or several.
        normalise: whether a Normalize comes last.
        place: the folder of the Transformer within `folder`.
        tokenizer: another than the small one of its family.
        settings: what `sentence_bert_config.json` says.
        saved: what `config_sentence_transformers.json` says.
        further: modules of sentence-transformers between the Pooling and the Normalize.
        include_prompt: pooling reads the tokens of a prompt too.
        network: the ONNX file of another model of this shape, which has the same weights, for its own.
        layers: another depth than the shape's.
    """
    transformer = build(shape, folder / place, tokenizer=tokenizer, layers=layers)
    if network is not None:
        (transformer / "onnx").mkdir()
        for file in network.parent.glob(f"{network.name}*"):
            shutil.copy(file, transformer / "onnx")
    kinds = [("Transformer", place), ("Pooling", "1_Pooling")]
    for number, module in enumerate(further, start=2):
        kinds.append((type(module).__name__, f"{number}_{type(module).__name__}"))
        (folder / kinds[-1][1]).mkdir()
        module.save(str(folder / kinds[-1][1]))
    if normalise:
        kinds.append(("Normalize", f"{len(kinds)}_Normalize"))
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(kinds)
    ]
    write(folder / "modules.json", modules)
    width = SHAPES[shape].sizes.get("hidden_size", 768)
    pooled = {"embedding_dimension": width, "pooling_mode": pooling, "include_prompt": include_prompt}
    write(folder / "1_Pooling" / "config.json", pooled)
    write(transformer / "sentence_bert_config.json", {"max_seq_length": 512, **(settings or {})})
    write(folder / "config_sentence_transformers.json", saved or {})
    return folder


def write(path: Path, content: Any) -> None:
    """A JSON file, and the folders that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
