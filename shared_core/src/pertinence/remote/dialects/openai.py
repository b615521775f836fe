"""OpenAI dialect for embeddings: `POST {base}/embeddings`. Vectors may arrive as base64 or as numbers."""

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
    """OpenAI dialect for embeddings.

    It requests base64, which takes four bytes per number instead of ten or twenty. Servers that do not
    know base64 send lists of numbers.

    With 128 texts per request, several requests are in progress at once. TEI accepts only 32 texts and
    says so in its error.

    Attributes:
        dimensions: name of the field that requests a vector length; None for a server without such a
            field. The vectors of such a server are cut here.
    """

    task: ClassVar[Task] = "embed"

    name: str = "openai"
    path: str = "/embeddings"
    batch: int | None = 128
    dimensions: str | None = "dimensions"
    extra: Mapping[str, Any] = field(default_factory=lambda: {"encoding_format": "base64"})

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Return the texts, always as a list, and the vector length if one is requested."""
        cut: dict[str, int] = {}
        if self.dimensions is not None and call.dimensions is not None:
            cut[self.dimensions] = call.dimensions
        return with_model(call, {"input": list(call.texts), **cut})

    def read(self, content: Any, count: int) -> Float32:
        """Read the vectors in the order of their index, and check that they have equal lengths."""
        found = placed(entries(content, ("data",)), count, index="index", fields=("embedding",))
        vectors = [_vector(value, place) for place, value in enumerate(found)]
        dims = {len(vector) for vector in vectors}
        if len(dims) > 1:
            raise ScoreError(f"its vectors are of {min(dims)} to {max(dims)} numbers")
        return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)


def _vector(value: Any, place: int) -> Float32:
    """Decode one vector to float32 of shape (dims,)."""
    try:
        if isinstance(value, str):
            # vLLM calls the byte order native, which is little-endian on the machines that serve models.
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
