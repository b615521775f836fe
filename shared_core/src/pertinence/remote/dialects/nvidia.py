"""NVIDIA NIM dialect: `POST {base}/ranking` with passages as objects. The response holds logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pertinence.remote.dialects.base import Call, Dialect, Scale, with_model
from pertinence.remote.dialects.reading import entries, scattered
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "Nvidia"]


@dataclass(frozen=True, kw_only=True)
class Nvidia(Dialect):
    """NVIDIA NIM dialect.

    It asks the server to truncate long texts at their end instead of refusing them. It sends no `top_k`,
    because the server answers 400 to any.
    """

    name: str = "nvidia"
    path: str = "/ranking"
    scale: Scale = "logit"
    batch: int | None = 512
    cuts: bool | None = True
    extra: Mapping[str, Any] = field(default_factory=lambda: {"truncate": "END"})

    def fields(self, call: Call) -> Mapping[str, Any]:
        """Return the query and the passages, each as an object with its text."""
        passages = [{"text": text} for text in call.texts]
        return with_model(call, {"query": {"text": call.query}, "passages": passages})

    def read(self, content: Any, count: int) -> Float32:
        """Read entries in any order."""
        return scattered(entries(content, ("rankings",)), count, scores=("logit",))


DIALECTS = (Nvidia(),)
