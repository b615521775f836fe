"""OpenAI's `POST {base}/embeddings`: vectors in base64 or as numbers, whichever comes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pertinence.errors import ScoreError
from pertinence.remote.dialects.base import Call, Dialect, Task, with_model
from pertinence.remote.dialects.reading import EntryError, entries, placed
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "OpenAI"]


@dataclass(frozen=True, kw_only=True)
class OpenAI(Dialect):
    """Asks for base64, four bytes a number in place of ten or twenty; servers that do not know it send lists.

    128 texts a request keeps several on their way at once; TEI takes 32 and says so.

    Attributes:
        dimensions: the field that asks for so many numbers of a vector; None for a server without one,
            whose vectors are then cut here.
    """

    task: ClassVar[Task] = "embed"

    name: str = "openai"
    path: str = "/embeddings"
    batch: int | None = 128
    dimensions: str | None = "dimensions"
    extra: Mapping[str, Any] = field(default_factory=lambda: {"encoding_format": "base64"})

    def fields(self, call: Call) -> Mapping[str, Any]:
        """The texts, always as a list."""
        cut: dict[str, int] = {}
        if self.dimensions is not None and call.dimensions is not None:
            cut[self.dimensions] = call.dimensions
        return with_model(call, {"input": list(call.texts), **cut})

    def read(self, content: Any, count: int) -> Float32:
        """Vectors by their index, all of one length."""
        found = placed(entries(content, ("data",)), count, index="index", fields=("embedding",))
        vectors = [_vector(value, place) for place, value in enumerate(found)]
        dims = {len(vector) for vector in vectors}
        if len(dims) > 1:
            raise ScoreError(f"its vectors are of {min(dims)} to {max(dims)} numbers")
        return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)


def _vector(value: Any, place: int) -> Float32:
    """One vector, float32 of shape (dims,)."""
    try:
        if isinstance(value, str):
            # vLLM calls it native: on the machines that serve models, that is little-endian too.
            vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
        elif isinstance(value, list) and all(type(each) in (int, float) for each in value):
            with np.errstate(over="ignore"):
                vector = np.array(value, dtype=np.float32)
        else:
            raise EntryError("the vector of text {place} is neither base64 nor a list of numbers", place)
    except (binascii.Error, ValueError, OverflowError):
        raise EntryError("the vector of text {place} is no base64 of 4-byte numbers", place) from None
    if not vector.size:
        raise EntryError("the vector of text {place} is empty", place)
    if not np.isfinite(vector).all():
        raise EntryError("the vector of text {place} is not finite", place)
    return vector


DIALECTS = (OpenAI(),)
