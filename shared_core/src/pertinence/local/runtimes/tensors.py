"""Weights of modules outside the network, as numpy arrays; the safetensors format is read without torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pertinence.errors import ModelError
from pertinence.scorer import Float32

__all__ = ["read_tensors"]

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_tensors(folder: Path) -> dict[str, Float32]:
    """Return the tensors of `model.safetensors` or `pytorch_model.bin` in this folder, in float32, by name.

    Raises:
        ModelError: there is no such file, or it cannot be read.
        MissingExtraError: the file is a `pytorch_model.bin`, which requires torch.
    """
    file = folder / "model.safetensors"
    if not file.is_file():
        old = folder / "pytorch_model.bin"
        if not old.is_file():
            raise ModelError(f"{folder} holds neither model.safetensors nor pytorch_model.bin")
        from pertinence.local.runtimes.torch.backend import read_pickled

        return read_pickled(old)
    try:
        return _safetensors(file.read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} cannot be read: {type(error).__name__} {error}") from error


def _safetensors(content: bytes) -> dict[str, Float32]:
    """Parse the safetensors format.

    The content is eight bytes with the length of the header, then the header in JSON, then the tensors.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    found = {}
    for name, told in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        first, end = told["data_offsets"]
        values = np.frombuffer(content[start + first : start + end], dtype=_TYPES[told["dtype"]])
        if told["dtype"] == "BF16":  # the upper half of a float32
            values = (values.astype(np.uint32) << 16).view(np.float32)
        found[name] = values.astype(np.float32).reshape(told["shape"])
    return found
