"""The inputs of exported networks: the names that exporters give them, and what of a batch each one reads."""

from __future__ import annotations

from collections.abc import Sequence

from pertinence.errors import ModelError
from pertinence.local.loading import ModelSpec

__all__ = ["read_by"]

_FIELDS = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}


def read_by(spec: ModelSpec, names: Sequence[str]) -> dict[str, str]:
    """The field of a `Batch` that each of a network's inputs reads, in the order of the inputs.

    Raises:
        ModelError: the network asks for something else.
    """
    for name in names:
        if name not in _FIELDS:
            raise ModelError(f"{spec.name}: its network asks for an unknown input {name!r}")
    return {name: _FIELDS[name] for name in names}
