"""Checks that a reranker's weights are complete and have a head, from file names and headers alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pertinence.errors import ModelError
from pertinence.local.files.settings import read_object
from pertinence.local.files.weights import WEIGHTS

__all__ = ["check_whole", "lacks"]

_INDEX = f"{WEIGHTS}.index.json"
_OLD = "pytorch_model.bin"
# A header that claims to be longer than this, in bytes, is not valid.
_LONGEST_HEADER = 100 << 20
# Parts of the names that transformers' architectures give to the layers that turn a vector into a logit.
_HEADS = ("classifier", "score", "classification_head", "logits", "head")
# The weights of the last of these layers. They have one row for each label.
_LAST = ("classifier.weight", "classifier.out_proj.weight", "score.weight")


def check_whole(name: str, folder: Path, networks: Mapping[Any, Path], labels: int) -> None:
    """Check that the weights are complete, have a head, and fit the number of labels.

    Args:
        name: name of the model, for messages.
        folder: folder that contains its files.
        networks: exported networks that it has besides its weights.
        labels: number of labels that its settings declare.

    Raises:
        ModelError: the weights are missing, cut short, without a head, or for another number of labels; the
            message names the file.
    """
    tensors = _tensors(name, folder)
    if tensors is None:
        if networks or _old_weights(folder):
            return
        raise ModelError(
            f"{name}: {folder} holds no weights ({WEIGHTS}, {_OLD} or an ONNX file){_again(name)}"
        )
    if not any(part in each for each in tensors for part in _HEADS):
        raise ModelError(
            f"{name}: the weights in {folder} have no head that gives a score; it was never trained to rerank"
        )
    for each, shape in tensors.items():
        if each.endswith(_LAST) and shape[:1] != [labels]:
            raise ModelError(
                f"{name}: config.json declares {labels} labels, but {each} in {folder} has the shape {shape}"
            )


def lacks(name: str, folder: Path) -> str | None:
    """Return what a model in this folder is missing, judged by file names and headers; None if nothing is."""
    for file in ("config.json", "tokenizer.json"):
        if not (folder / file).is_file():
            return f"no {file}"
    try:
        tensors = _tensors(name, folder)
    except ModelError as error:
        return str(error)
    patterns = ("**/*.onnx", "**/openvino_model*.xml")
    networks = any(any(folder.glob(pattern)) for pattern in patterns)
    any_network = tensors is not None or _old_weights(folder) or networks
    return None if any_network else "no weights"


def _old_weights(folder: Path) -> bool:
    return (folder / _OLD).is_file() or (folder / f"{_OLD}.index.json").is_file()


def _tensors(name: str, folder: Path) -> dict[str, list[int]] | None:
    """Return the shapes of the tensors by name; None if there is no safetensors file."""
    index = read_object(folder / _INDEX)
    if index is None:
        path = folder / WEIGHTS
        return _header(name, path) if path.is_file() else None
    found: dict[str, list[int]] = {}
    for part in sorted(set((index.get("weight_map") or {}).values())):
        if not (folder / part).is_file():
            raise ModelError(f"{name}: {folder} lacks {part}, which {_INDEX} names{_again(name)}")
        found.update(_header(name, folder / part))
    return found


def _header(name: str, path: Path) -> dict[str, list[int]]:
    """Return the shapes of the tensors by name, from the header of a safetensors file.

    The file has 8 bytes with the length of the header, then the header in JSON, then the tensors, whose
    total size follows from the header.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
            raise ModelError(f"{name} cannot be loaded: {path} is cut short{_again(name)}")
        try:
            header: dict[str, dict[str, Any]] = json.loads(file.read(length))
            header.pop("__metadata__", None)
            end = max((each["data_offsets"][1] for each in header.values()), default=0)
            shapes = {key: list(each["shape"]) for key, each in header.items()}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ModelError(f"{name} cannot be loaded: {path} is no safetensors file") from error
    if size < 8 + length + end:
        missing = 8 + length + end - size
        raise ModelError(f"{name} cannot be loaded: {path} is cut short by {missing:,} bytes{_again(name)}")
    return shapes


def _again(name: str) -> str:
    """Return the advice to download missing files; empty for a folder or a package."""
    from_hub = "/" in name and not Path(name).expanduser().is_dir()
    return f"; to download what is missing: hf download {name}" if from_hub else ""
