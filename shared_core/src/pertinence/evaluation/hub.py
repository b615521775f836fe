"""Data sets from the Hugging Face hub: NanoBEIR with its BM25 runs, and hard negatives for mMARCO-fr."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pertinence.datafiles import read_objects
from pertinence.errors import InputError, MissingExtraError
from pertinence.evaluation.collection import (
    Candidates,
    Collection,
    Run,
    TextsInMemory,
    digest_of,
)

__all__ = ["NANO_BEIR", "NEGATIVES", "nano_beir", "small_dev_negatives"]

NANO_BEIR = "sentence-transformers/NanoBEIR-en"
# The author's own training code reads the candidates of the small dev set from this file.
NEGATIVES = ("antoinelouis/msmarco-dev-small-negatives", "colbertv2-negatives.dev.small.jsonl")


def nano_beir(split: str, cache_folder: str | None = None) -> Collection:
    """Open one NanoBEIR set, such as `NanoNQ`, with the BM25 run that sentence-transformers reranks.

    Raises:
        InputError: the set cannot be downloaded, or is not in the format that sentence-transformers reads.
        MissingExtraError: pyarrow is not installed.
    """
    folder = _fetched(NANO_BEIR, f"*/{split}-*", cache_folder)
    parts = {part: _table(folder, part, split) for part in ("corpus", "queries", "qrels", "bm25")}
    qrels: dict[str, dict[str, int]] = {}
    for row in parts["qrels"]:
        relevant = row["corpus-id"]
        for passage in relevant if isinstance(relevant, list) else [relevant]:
            qrels.setdefault(row["query-id"], {})[passage] = 1
    queries = {row["_id"]: row["text"] for row in parts["queries"] if row["_id"] in qrels}
    texts = {row["_id"]: row["text"] for row in parts["corpus"]}
    candidates = [
        Candidates(query=row["query-id"], passages=tuple(dict.fromkeys(row["corpus-ids"])))
        for row in parts["bm25"]
    ]
    return Collection(
        name=split,
        digest=digest_of([queries, qrels, texts]),
        queries=queries,
        qrels=qrels,
        corpus=TextsInMemory(split, texts),
        run=Run(
            name="BM25",
            digest=digest_of([[each.query, each.passages] for each in candidates]),
            read=lambda: iter(candidates),
        ),
    )


def small_dev_negatives(cache_folder: str | None = None) -> Run:
    """Return the candidates of MS MARCO's small dev set: relevant passages and ColBERTv2 hard negatives.

    Raises:
        InputError: the file cannot be downloaded; or, while the run is read, a line has another format.
    """
    repository, name = NEGATIVES
    file = _fetched(repository, name, cache_folder) / name
    return negatives(file)


def negatives(file: Path) -> Run:
    """Open JSON Lines of `qid`, `pos` and `neg` as a run.

    The order of the candidates is not meaningful; the relevant passages come last.
    """
    return Run(
        name="ColBERTv2 negatives", digest=digest_of([file]), read=lambda: _negatives(file), ranked=False
    )


def _negatives(file: Path) -> Iterator[Candidates]:
    for place, row in read_objects(file):
        try:
            ids = [str(each) for each in [*row["neg"], *row["pos"]]]
            query = str(row["qid"])
        except (KeyError, TypeError) as error:
            raise InputError(f"{place}: 'qid', 'pos' and 'neg' must be there") from error
        relevant = {str(each) for each in row["pos"]}
        passages = dict.fromkeys(each for each in ids if each not in relevant)
        yield Candidates(query=query, passages=(*passages, *sorted(relevant)))


def _fetched(repository: str, pattern: str, cache_folder: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(repository, repo_type="dataset", allow_patterns=pattern, cache_dir=cache_folder)
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"the data set {repository} is not in the hub's cache and cannot be fetched "
            f"({type(error).__name__}); give data of your own in the same form with --data"
        ) from error


def _table(folder: Path, part: str, split: str) -> list[Mapping[str, Any]]:
    files = sorted((folder / part).glob(f"{split}-*.parquet"))
    if not files:
        raise InputError(f"{NANO_BEIR} holds no {part} of {split!r}")
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError.of("NanoBEIR", "evaluation") from error
    return [row for file in files for row in parquet.read_table(file).to_pylist()]
