"""`pertinence.Reranker`, with a backend and a precision of its own choice or ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.contenders.base import Contender
from pertinence import Reranker
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from pertinence.scorer import Float32

__all__ = ["Ours", "opened"]


class Ours(Contender[Sequence[str], Float32]):
    """`Reranker.score`."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._spec = resolve(options)
        # The two share one loaded model: only what becomes of its logits differs.
        self._probability = Reranker.from_options(options)
        self._logit = Reranker.from_options(options.with_(score_kind="logit"))
        self._probability.warm_up()

    def documents(self, texts: Sequence[str]) -> Sequence[str]:
        """As they are."""
        return texts

    def run(self, query: str, documents: Sequence[str]) -> Float32:
        """Probabilities in input order."""
        return self._probability.score(query, documents)

    def values(self, result: Float32) -> list[float]:
        """They are that already."""
        return [float(each) for each in result]

    def one_logits(self, query: str, documents: Sequence[str]) -> list[float]:
        """Asked for as such."""
        return [float(each) for each in self._logit.score(query, documents)]

    def how(self) -> dict[str, str]:
        """What the core decided, and why."""
        return {"backend": self._spec.backend, "dtype": self._spec.dtype, "why": self._spec.why}


def opened(folder: str, ours: str | None, backend: Any, dtype: Any) -> Ours:
    """The model of `ours` (None: the embedded default); `folder` is for peers."""
    return Ours(Options(model=ours, backend=backend, dtype=dtype, device="cpu", local_files_only=True))
