"""Architectures that can read a batch as one row without padding, and their layouts (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Layout", "layout_of", "path_of"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Layout of a family of architectures in transformers.

    Attributes:
        family: key of its last layer in `torch.packed_layers`.
        layers: path from the base model to the list of layers.
        typed: True if it takes token types.
        after_pad: True if positions are numbered from the id after the padding id.
    """

    family: str = "bert"
    layers: str = "encoder.layer"
    typed: bool = True
    after_pad: bool = False


_BERT, _ROBERTA = Layout(), Layout(after_pad=True)
# Each of them is tested on the CPU by tests/local/test_packed.py.
_FAMILIES: Mapping[str, Layout] = {
    "Bert": _BERT,
    "Camembert": _ROBERTA,
    "DistilBert": Layout(family="distilbert", layers="transformer.layer", typed=False),
    "Electra": _BERT,
    "Gte": Layout(family="gte", layers="layers"),
    "Roberta": _ROBERTA,
    "XLMRoberta": _ROBERTA,
}
# Rotary embeddings that depend only on the position. Others change with the longest sequence of the input.
_FIXED_ROTATIONS = {"default", "linear"}


def layout_of(architecture: str, config: Mapping[str, Any]) -> Layout | None:
    """Return the layout of a transformers architecture that is known to be safe; None for any other.

    Args:
        architecture: name of its class, with a sequence classification head or without a head.
        config: content of its `config.json`.
    """
    layout = _FAMILIES.get(architecture.removesuffix("ForSequenceClassification").removesuffix("Model"))
    rotation = config.get("rope_parameters") or {}
    odd = (
        config.get("is_decoder")
        or config.get("add_cross_attention")
        or config.get("chunk_size_feed_forward")
        or config.get("position_embedding_type") not in (None, "absolute")
        or rotation.get("rope_type", "default") not in _FIXED_ROTATIONS
    )
    return None if odd else layout


def path_of(config: Mapping[str, Any], device: str, *, own_code: bool) -> str:
    """Describe how a torch model's batches are laid out on a kind of device, as far as its files show.

    Args:
        config: content of its `config.json`.
        device: `cpu`, `cuda`, `cuda:N`, `mps`.
        own_code: True if it runs its own code.
    """
    if not device.startswith("cuda"):
        return f"padded to pairs of nearly equal length: no kernel for {device} reads them without"
    name = str((config.get("architectures") or ["an unknown architecture"])[0])
    if own_code or layout_of(name, config) is None:
        return f"padded: {name} is not known to give the same numbers without padding"
    return "packed without padding, if a first small batch gives the same numbers so"
