"""Systems to evaluate: the first stage's order, rerankers, and embedders that rerank by cosine."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from pertinence.embedder import Embedder
from pertinence.evaluation.checkpoint import Ranked
from pertinence.evaluation.tasks import Task
from pertinence.local.files.fingerprint import fingerprint
from pertinence.local.selection.verdicts import runtimes_of
from pertinence.options import Options
from pertinence.reranker import Reranker
from pertinence.scorer import Float32
from pertinence.vectors import Vectors, unit

__all__ = ["EmbedderSystem", "FirstStage", "Kind", "RerankerSystem", "System", "directions"]

Kind = Literal["first stage", "reranker", "embedder", "retrieval"]
# Maximum number of cached passage vectors: 50,000 vectors of 768 numbers take 150 MB.
_KEPT_VECTORS = 50_000


class System(Protocol):
    """Ranker of the passages of a task."""

    @property
    def name(self) -> str:
        """Name in the report."""

    @property
    def kind(self) -> Kind:
        """Kind of system."""

    def describe(self) -> dict[str, Any]:
        """Return everything that determines the scores, as JSON data.

        That is the model (by its content), how it runs, and the options.
        """

    def warm_up(self) -> None:
        """Load what ranking needs, before the first task."""

    def rank(self, task: Task) -> Ranked:
        """Rank the passages, best first. Several threads call this method at once."""

    def close(self) -> None:
        """Release the model and other resources."""


class FirstStage:
    """Original order of the candidates."""

    kind: Kind = "first stage"

    def __init__(self, name: str) -> None:
        self.name = name

    def describe(self) -> dict[str, Any]:
        """Return nothing: the header of every checkpoint already holds the digest of the run."""
        return {}

    def warm_up(self) -> None:
        """Do nothing: there is nothing to load."""

    def rank(self, task: Task) -> Ranked:
        """Return the first stage's order, with scores that fall by one from rank to rank."""
        passages = task.first_stage or ()
        return Ranked(query=task.query, passages=passages, scores=_falling(len(passages)))

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class RerankerSystem:
    """Reranker with a local model or a server."""

    kind: Kind = "reranker"

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        # Logits still differ where probabilities round to one. A server returns whatever scale it has.
        kind: Literal["logit", "auto"] = "logit" if options.base_url is None else "auto"
        self._options = options.with_(score_kind=kind, top_k=None, threshold=None)
        self._reranker = Reranker.from_options(self._options)

    @classmethod
    def of(cls, name: str, reranker: Reranker) -> RerankerSystem:
        """Wrap an existing reranker; the system closes it."""
        system = cls.__new__(cls)
        system.name, system._options, system._reranker = name, reranker.options, reranker
        return system

    def describe(self) -> dict[str, Any]:
        """Return the facts: a local model is named by its content, a remote one by its name on the server."""
        if self._options.base_url is not None:
            return _told(self._options)
        from pertinence.local.selection.reranker_spec import resolve

        return {**_local(resolve(self._options)), **_told(self._options)}

    def warm_up(self) -> None:
        """Load the model."""
        self._reranker.warm_up()

    def rank(self, task: Task) -> Ranked:
        """Rank the passages with `Reranker.rank`."""
        ranking = self._reranker.rank(task.text, task.texts)
        return Ranked(
            query=task.query,
            passages=tuple(task.passages[item.index] for item in ranking),
            scores=tuple(item.score for item in ranking),
            truncated=ranking.truncated,
        )

    def close(self) -> None:
        """Release the model."""
        self._reranker.close()


class EmbedderSystem:
    """Embedder that reranks by the cosine of query and passage.

    Attributes:
        embedder: embedder that computes the vectors.
        vectors: returns the vectors of passages by id, if the whole corpus was embedded. Otherwise each
            passage is embedded at its first use, and its vector stays in a bounded cache.
    """

    kind: Kind = "embedder"

    def __init__(self, name: str, embedder: Embedder) -> None:
        self.name = name
        self.embedder = embedder
        self.vectors: Callable[[Sequence[str]], Float32] | None = None
        self._vectors: OrderedDict[str, Float32] = OrderedDict()
        self._lock = threading.Lock()

    def describe(self) -> dict[str, Any]:
        """Return the facts: a local model is named by its content, a remote one by its name on the server."""
        options = self.embedder.options
        if options.base_url is not None:
            return _told(options)
        from pertinence.local.selection.embedder_spec import resolve

        return {**_local(resolve(options)), **_told(options)}

    def warm_up(self) -> None:
        """Load the model."""
        self.embedder.warm_up()

    def rank(self, task: Task) -> Ranked:
        """Rank by cosine; ties keep the order of the task.

        The number of truncated texts is not returned: the embedder logs it.
        """
        passages = self._known(task.passages, task.texts)
        if not len(passages):
            return Ranked(query=task.query, passages=(), scores=(), truncated=None)
        (query,) = directions(self.embedder.embed_query(task.text))
        scores: Float32 = np.matmul(passages, query)
        order = np.argsort(-scores, kind="stable")
        return Ranked(
            query=task.query,
            passages=tuple(task.passages[place] for place in order),
            scores=tuple(scores[order].tolist()),
            truncated=None,
        )

    def close(self) -> None:
        """Release the model."""
        self.embedder.close()

    def _known(self, ids: Sequence[str], texts: Sequence[str]) -> Float32:
        """Return the unit vectors of the passages, of shape (passages, dims)."""
        if self.vectors is not None:
            return self.vectors(ids)
        with self._lock:
            found = {each: self._vectors[each] for each in ids if each in self._vectors}
            for each in found:
                self._vectors.move_to_end(each)
        wanted = {each: text for each, text in zip(ids, texts, strict=True) if each not in found}
        if wanted:
            found |= dict(
                zip(wanted, directions(self.embedder.embed_documents(list(wanted.values()))), strict=True)
            )
            with self._lock:
                self._vectors |= found
                while len(self._vectors) > _KEPT_VECTORS:
                    self._vectors.popitem(last=False)
        return np.stack([found[each] for each in ids]) if ids else np.empty((0, 0), dtype=np.float32)


def directions(vectors: Vectors) -> Float32:
    """Convert one or more vectors to float32 unit vectors, of shape (texts, dims)."""
    return unit(np.atleast_2d(np.asarray(vectors, dtype=np.float32)))


def _falling(count: int) -> tuple[float, ...]:
    return tuple(float(-rank) for rank in range(count))


def _local(spec: Any) -> dict[str, Any]:
    """Return the fingerprint of the model's files, and how the model runs here."""
    return {
        "fingerprint": fingerprint(Path(spec.folder), spec.options.cache_folder),
        "backend": spec.backend,
        "dtype": spec.dtype,
        "max_length": spec.max_length,
        "runtimes": dict(runtimes_of(spec.backend)),
    }


# Options that change neither the identity of the model nor its scores.
_NO_MATTER = frozenset(
    {
        "local_files_only",
        "cache_folder",
        "timeout",
        "max_retries",
        "concurrency",
        "headers",
        "verify",
        "proxy",
    }
)


def _told(options: Options) -> dict[str, Any]:
    """Return the options that differ from the defaults, without local paths and secrets."""
    plain = type(options)().to_dict()
    changed = {
        name: value
        for name, value in options.to_dict().items()
        if value != plain[name] and name not in _NO_MATTER and name != "score_kind"
    }
    if options.base_url is None:
        changed.pop("model", None)  # the fingerprint of its content identifies it
    return {"options": changed}
