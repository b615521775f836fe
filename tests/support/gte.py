"""GTE rerankers as they were published before transformers had the architecture, and what they compute.

The reference is written from the formulas, in float64: it shares nothing with what it is held against.
"""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

__all__ = ["legacy_logits", "needs_gte", "to_legacy"]

needs_gte = pytest.mark.skipif(
    find_spec("transformers.models.gte") is None, reason="this transformers has no GTE of its own"
)

Array = npt.NDArray[Any]
# What the published settings say where transformers' class has other names for it, or none.
_PUBLISHED = {
    "architectures": ["NewForSequenceClassification"],
    "auto_map": {
        "AutoConfig": "Alibaba-NLP/new-impl--configuration.NewConfig",
        "AutoModelForSequenceClassification": ("Alibaba-NLP/new-impl--modeling.NewForSequenceClassification"),
    },
    "layer_norm_type": "layer_norm",
    "logn_attention_clip1": False,
    "logn_attention_scale": False,
    "model_type": "new",
    "pack_qkv": True,
    "position_embedding_type": "rope",
    "rope_scaling": {"factor": 8.0, "type": "ntk"},
    "rope_theta": 20_000,
    "unpad_inputs": False,
    "use_memory_efficient_attention": False,
}


def to_legacy(folder: Path) -> Path:
    """Rewrite a folder of transformers' class as its publisher would have saved it; gives it back."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("rope_parameters")
    path.write_text(json.dumps({**config, **_PUBLISHED}), encoding="utf-8")
    tensors = load_file(folder / "model.safetensors")
    # transformers saves the model in its publisher's layout, but for the first part of the names.
    renamed = {name.replace("gte.", "new.", 1): tensor for name, tensor in tensors.items()}
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def legacy_logits(folder: Path, ids: list[int]) -> Array:
    """The logits of one sequence of tokens, float64 of shape (labels,)."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = {
        name: each.astype(np.float64) for name, each in load_file(folder / "model.safetensors").items()
    }

    def linear(rows: Array, name: str) -> Array:
        return rows @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0.0)

    def norm(rows: Array, name: str) -> Array:
        centred = rows - rows.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + config["layer_norm_eps"])
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    words = weights["new.embeddings.word_embeddings.weight"][ids]
    rows = norm(words + weights["new.embeddings.token_type_embeddings.weight"][0], "new.embeddings.LayerNorm")
    heads = config["num_attention_heads"]
    dims = config["hidden_size"] // heads
    turned = _turned(len(ids), dims, config["rope_theta"], config["rope_scaling"]["factor"])
    for layer in range(config["num_hidden_layers"]):
        name = f"new.encoder.layer.{layer}"
        packed = linear(rows, f"{name}.attention.qkv_proj").reshape(len(ids), 3, heads, dims)
        query, key, value = packed.transpose(1, 2, 0, 3)
        weight = np.exp(_rotate(query, turned) @ _rotate(key, turned).transpose(0, 2, 1) / math.sqrt(dims))
        seen = (weight / weight.sum(axis=-1, keepdims=True)) @ value
        joined = seen.transpose(1, 0, 2).reshape(len(ids), -1)
        rows = norm(rows + linear(joined, f"{name}.attention.o_proj"), f"{name}.attn_ln")
        up, gate = np.split(linear(rows, f"{name}.mlp.up_gate_proj"), 2, axis=-1)
        rows = norm(rows + linear(_gelu(gate) * up, f"{name}.mlp.down_proj"), f"{name}.mlp_ln")
    return linear(np.tanh(linear(rows[0], "new.pooler.dense")), "classifier")


def _turned(positions: int, dims: int, theta: float, factor: float) -> Array:
    """Angles of shape (positions, dims / 2): fixed NTK scaling of base and frequencies."""
    steps = np.arange(0, dims, 2) / dims
    return np.arange(positions)[:, None] / ((theta * factor) ** steps * factor ** (2 / dims))


def _rotate(rows: Array, angles: Array) -> Array:
    first, second = np.split(rows, 2, axis=-1)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def _gelu(rows: Array) -> Array:
    return rows * (1 + np.vectorize(math.erf)(rows / math.sqrt(2))) / 2
