"""Evaluation data: queries, relevance judgments, passages and an optional first-stage run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

from pertinence.datafiles import (
    RunRow,
    best_first,
    find_either,
    find_split,
    read_grades,
    read_run,
    read_texts,
)
from pertinence.errors import InputError
from pertinence.local.files.cache import file_hash

__all__ = [
    "Candidates",
    "Collection",
    "Corpus",
    "Run",
    "digest_of",
    "open_files",
    "open_folder",
    "read_qrels",
]

RUN_FILE = "bm25.trec"
Qrels = Mapping[str, Mapping[str, int]]


class Corpus(Protocol):
    """Passages that can be looked up by id."""

    def texts(self, ids: Sequence[str]) -> list[str]:
        """Return the passages with these ids, in the same order.

        Raises:
            InputError: the corpus lacks one of them; the message names it.
        """

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield the id and text of every passage, always in the same order."""

    @property
    def size(self) -> int | None:
        """Number of passages; None if the corpus does not know it."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Candidate passages that a first stage returns for one query.

    Attributes:
        query: query id.
        passages: passage ids, best first.
    """

    query: str
    passages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Candidates for many queries, read one query at a time, so that a run can be larger than memory.

    Attributes:
        name: name of the system that made the run.
        digest: hash that identifies the run.
        read: returns a new iterator over the candidates at each call.
        ranked: True if the order of the candidates is meaningful; it is not for mined negatives.
    """

    name: str
    digest: str
    read: Callable[[], Iterator[Candidates]]
    ranked: bool = True


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A set of queries with relevance judgments.

    Attributes:
        name: name of the set. It appears in reports, so it must not contain a path on the user's machine.
        digest: hash that identifies the queries, judgments and passages.
        queries: query id -> text, at least for all judged queries.
        qrels: query id -> passage id -> grade; 0 means not relevant.
        corpus: the passages.
        run: first-stage run that comes with the collection.
    """

    name: str
    digest: str
    queries: Mapping[str, str]
    qrels: Qrels
    corpus: Corpus
    run: Run | None = None

    def __post_init__(self) -> None:
        if not self.qrels:
            raise InputError(f"{self.name}: no judgements")
        if not self.qrels.keys() & self.queries.keys():
            raise InputError(
                f"{self.name}: none of the {len(self.qrels)} judged queries has a text; the first judged is "
                f"{next(iter(self.qrels))!r}, the first with a text {next(iter(self.queries), None)!r}"
            )
        if missing := [query for query in self.qrels if query not in self.queries]:
            raise InputError(
                f"{self.name}: {len(missing)} judged queries have no text, the first is {missing[0]!r}"
            )


class TextsInMemory:
    """Passages of a file, held in memory."""

    def __init__(self, name: str, texts: Mapping[str, str]) -> None:
        self._name = name
        self._texts = texts

    def texts(self, ids: Sequence[str]) -> list[str]:
        """Return the passages with these ids, in the same order."""
        try:
            return [self._texts[each] for each in ids]
        except KeyError as error:
            missing = [each for each in ids if each not in self._texts]
            raise InputError(
                f"{self._name} lacks {len(missing)} of {len(ids)} passages, the first is {error.args[0]!r}"
            ) from None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._texts.items())

    @property
    def size(self) -> int:
        """Number of passages."""
        return len(self._texts)


def open_folder(folder: Path, split: str | None = None, run: Path | None = None) -> Collection:
    """Open a folder in BEIR format: `corpus.jsonl`, `queries.jsonl`, `qrels/` and an optional `bm25.trec`.

    Args:
        folder: path of the folder; each file in it may be gzipped.
        split: file of `qrels/` to use; by default `test`, `dev` or the only one.
        run: first-stage run in TREC format that replaces the folder's own.

    Raises:
        InputError: a file is missing or a line is invalid; the message names it.
    """
    judgements = find_split(folder / "qrels", split)
    own = [file for file in (folder / RUN_FILE, folder / f"{RUN_FILE}.gz") if file.is_file()]
    return open_files(
        corpus=find_either(folder, "corpus.jsonl"),
        queries=find_either(folder, "queries.jsonl"),
        qrels=judgements,
        run=run or (own[0] if own else None),
        name=f"{folder.resolve().name}/{judgements.name.split('.')[0]}",
    )


def open_files(
    *, corpus: Path, queries: Path, qrels: Path, run: Path | None = None, name: str | None = None
) -> Collection:
    """Open a collection from files of any name: JSON Lines of `_id`, `text` and `title`, and TREC columns.

    Raises:
        InputError: a file cannot be read or a line is invalid; the message names it.
    """
    grades = read_qrels(qrels)
    passages = _by_id(corpus)
    return Collection(
        name=name or qrels.name.split(".")[0],
        digest=digest_of([corpus, queries, qrels]),
        queries={key: text for _, key, text in read_texts(queries) if key in grades},
        qrels=grades,
        corpus=TextsInMemory(str(corpus), passages),
        run=None if run is None else trec_run(run),
    )


def trec_run(file: Path) -> Run:
    """Open a run in TREC format, whose lines must be grouped by query; candidates are sorted by score."""
    return Run(name=file.name.split(".")[0], digest=digest_of([file]), read=lambda: by_query(read_run(file)))


def read_qrels(file: Path) -> dict[str, dict[str, int]]:
    """Read judgments: query id -> passage id -> grade. A negative grade counts as 0, as in trec_eval.

    Raises:
        InputError: a line is invalid, or a grade is not a whole number.
    """
    grades: dict[str, dict[str, int]] = {}
    for row in read_grades(file):
        if not row.value.is_integer():
            raise InputError(f"{row.place}: the grade must be a whole number, not {row.value!r}")
        grades.setdefault(row.query, {})[row.passage] = max(0, int(row.value))
    return grades


def digest_of(parts: Iterable[object]) -> str:
    """Return 16 hexadecimal digits that identify these files (by content) and values (by their JSON)."""
    told = hashlib.sha256()
    for part in parts:
        told.update((file_hash(part) if isinstance(part, Path) else json.dumps(part)).encode())
        told.update(b"\n")
    return told.hexdigest()[:16]


def _by_id(file: Path) -> dict[str, str]:
    passages: dict[str, str] = {}
    for place, key, text in read_texts(file):
        if key in passages:
            raise InputError(f"{place}: the id {key!r} stands there twice")
        passages[key] = text
    return passages


def by_query(rows: Iterable[RunRow]) -> Iterator[Candidates]:
    """Yield the candidates of each query, best first.

    Raises:
        InputError: the rows of a query are not contiguous, or name a passage twice.
    """
    ended: set[str] = set()
    for query, mine in groupby(rows, key=lambda row: row.query):
        ranked = best_first(mine)
        if query in ended:
            raise InputError(
                f"{ranked[0].place}: the lines of query {query!r} do not stand together: sort them by query"
            )
        ended.add(query)
        passages = dict.fromkeys(row.passage for row in ranked)
        if len(passages) < len(ranked):
            again = next(
                row for place, row in enumerate(ranked) if row.passage in {r.passage for r in ranked[:place]}
            )
            raise InputError(f"{again.place}: query {query!r} has passage {again.passage!r} twice")
        yield Candidates(query=query, passages=tuple(passages))
