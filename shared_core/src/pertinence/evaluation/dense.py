"""Retrieval with an embedder: each passage is embedded once and stored on disk.

The search is exact: it uses no index and computes the cosine of every query with every passage, for a block
of queries and a chunk of passages at a time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pertinence.embedder import Embedder
from pertinence.errors import InputError
from pertinence.evaluation.checkpoint import Ranked
from pertinence.evaluation.collection import Corpus
from pertinence.evaluation.running import AHEAD, Watch
from pertinence.evaluation.systems import directions
from pertinence.scorer import Float32

__all__ = ["Vectors", "embed_corpus", "search"]

# Number of passages passed to the embedder at once. A kill loses at most this many.
_EMBEDDED_AT_ONCE = 256
_QUERIES_AT_ONCE = 64
_PASSAGES_AT_ONCE = 1 << 16


class Vectors:
    """Unit vectors of all passages, in corpus order, read from disk when needed."""

    def __init__(self, ids: Sequence[str], values: Float32) -> None:
        self.ids = ids
        self.values = values
        self._places = {each: place for place, each in enumerate(ids)}

    def of(self, ids: Sequence[str]) -> Float32:
        """Return the vectors of these passages, of shape (passages, dims)."""
        return np.asarray(self.values[[self._places[each] for each in ids]])


def embed_corpus(
    embedder: Embedder, corpus: Corpus, file: Path, header: Mapping[str, Any], watch: Watch, name: str
) -> Vectors:
    """Embed the passages that the file does not hold yet, and return the vectors of all passages.

    Args:
        embedder: embedder that computes the vectors.
        corpus: the passages.
        file: file of float32 rows; a `.json` file next to it holds the header.
        header: everything that the vectors depend on.
        watch: callback that receives the number of passages embedded so far.
        name: name of the embedder, for `watch`.

    Raises:
        InputError: the file holds vectors of another model or other passages, or cannot be written.
    """
    ids = [key for key, _ in corpus]
    width = 4 * embedder.dims
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _check_header(file, {**header, "dims": embedder.dims, "passages": len(ids)})
        with file.open("ab") as rows:
            done = min(file.stat().st_size // width, len(ids))
            rows.truncate(done * width)  # drop a partial row, left by a process that was killed
            watch(f"{name}: passages", done, len(ids))
            for portion in _portions(islice(corpus, done, None), _EMBEDDED_AT_ONCE):
                vectors = directions(embedder.embed_documents([text for _, text in portion]))
                rows.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
                rows.flush()
                done += len(portion)
                watch(f"{name}: passages", done, len(ids))
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
    return Vectors(ids, np.memmap(file, dtype="<f4", mode="r", shape=(len(ids), embedder.dims)))


def search(
    embedder: Embedder, vectors: Vectors, queries: Iterable[tuple[str, str]], top: int
) -> Iterator[Ranked]:
    """Return the `top` passages of each query (id and text) by cosine; ties keep the corpus order."""
    ids = vectors.ids
    with ThreadPoolExecutor(max_workers=AHEAD, thread_name_prefix="pertinence-embed") as pool:
        for block in _portions(queries, _QUERIES_AT_ONCE):
            # Embed the queries concurrently, so that they share the model's batches.
            asked = directions(np.stack(list(pool.map(embedder.embed_query, [text for _, text in block]))))
            places, scores = _nearest(asked, vectors.values, top)
            for (query, _), mine, cosines in zip(block, places, scores, strict=True):
                yield Ranked(
                    query=query,
                    passages=tuple(ids[place] for place in mine),
                    scores=tuple(cosines.tolist()),
                    truncated=None,
                )


def _nearest(
    queries: Float32, passages: Float32, top: int
) -> tuple[list[npt.NDArray[np.int64]], list[Float32]]:
    """Return the positions and cosines of each query's nearest passages, nearest first."""
    places = [np.empty(0, dtype=np.int64)] * len(queries)
    scores = [np.empty(0, dtype=np.float32)] * len(queries)
    for start in range(0, len(passages), _PASSAGES_AT_ONCE):
        cosines = queries @ np.asarray(passages[start : start + _PASSAGES_AT_ONCE]).T
        for row, mine in enumerate(cosines):
            found = _largest(mine, top)
            both = np.concatenate([scores[row], mine[found]])
            kept = np.argsort(-both, kind="stable")[:top]
            places[row] = np.concatenate([places[row], found + start])[kept]
            scores[row] = both[kept]
    return places, scores


def _largest(values: Float32, count: int) -> npt.NDArray[np.int64]:
    """Return the positions of the largest values, in ascending order; among equal values the first win."""
    if count >= len(values):
        return np.arange(len(values))
    least = np.partition(values, len(values) - count)[len(values) - count]
    above, equal = np.flatnonzero(values > least), np.flatnonzero(values == least)
    return np.sort(np.concatenate([above, equal[: count - len(above)]]))


def _portions(items: Iterable[tuple[str, str]], count: int) -> Iterator[list[tuple[str, str]]]:
    taken = iter(items)
    while portion := list(islice(taken, count)):
        yield portion


def _check_header(file: Path, header: Mapping[str, Any]) -> None:
    told = file.with_suffix(".json")
    text = json.dumps(header, sort_keys=True)
    if not told.is_file():
        file.write_bytes(b"")
        beside = told.with_name(f".{told.name}")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, told)
        return
    if told.read_text(encoding="utf-8") != text:
        raise InputError(f"{file} holds vectors of another model or other passages: choose another --output")
    file.touch()
