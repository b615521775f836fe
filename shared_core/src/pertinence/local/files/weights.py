"""Weights that are stored in int8 with one scale per row, and used in float32.

A tensor `name` in int8 comes with `name.scale`, in float32 of shape (rows,). Its value is their product.
These dequantized values define the model.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["SCALE", "WEIGHTS", "dequantise", "quantise", "write_float32"]

WEIGHTS = "model.safetensors"
SCALE = ".scale"
Array = npt.NDArray[np.float32]


def quantise(weight: Array) -> tuple[npt.NDArray[np.int8], Array]:
    """Return int8 values and float32 scales of shape (rows,): symmetric, per row, rounded to nearest."""
    largest = np.abs(weight).max(axis=1)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.rint(weight / scale[:, None]).clip(-127, 127).astype(np.int8), scale


def dequantise(tensors: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, Array]:
    """Return every tensor in float32, multiplied by its scale if it has one."""
    return {
        name: (
            tensor.astype(np.float32) * tensors[name + SCALE].astype(np.float32)[:, None]
            if name + SCALE in tensors
            else tensor.astype(np.float32)
        )
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }


def write_float32(source: Path, target: Path) -> Path:
    """Write the model in `source`, with float32 weights, to the existing folder `target`; return `target`."""
    # Imported here because it is installed with torch, and without torch nothing is written.
    from safetensors.numpy import load_file, save_file

    for file in source.iterdir():
        if file.is_file() and file.suffix in (".json", ".txt", ".model"):
            shutil.copy(file, target)
    save_file(dequantise(load_file(source / WEIGHTS)), target / WEIGHTS, metadata={"format": "pt"})
    return target
