"""Inputs of exported networks: their names, and the field of a batch that each one reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from pertinence.errors import ModelError
from pertinence.local.batches.batching import Batch
from pertinence.local.selection.reranker_spec import ModelSpec

__all__ = ["one_by_one", "read_by"]

_FIELDS = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}


def read_by(spec: ModelSpec, names: Sequence[str]) -> dict[str, str]:
    """Return the field of a `Batch` that each input of a network reads, in the order of the inputs.

    Raises:
        ModelError: the network has an unknown input.
    """
    for name in names:
        if name not in _FIELDS:
            raise ModelError(f"{spec.name}: its network asks for an unknown input {name!r}")
    return {name: _FIELDS[name] for name in names}


def one_by_one(batch: Batch) -> Iterator[Batch]:
    """Yield the rows of a batch, each as a batch without padding."""
    arrays = {field.name: getattr(batch, field.name) for field in fields(batch)}
    for row, length in enumerate(batch.mask.sum(axis=1)):
        yield replace(batch, **{name: array[row : row + 1, :length] for name, array in arrays.items()})
