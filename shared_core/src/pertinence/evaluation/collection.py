"""What is evaluated on: queries, judgements, passages and, where there is one, a first stage's run."""

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
    """Passages by id."""

    def texts(self, ids: Sequence[str]) -> list[str]:
        """The passages of these ids, in their order.

        Raises:
            InputError: the corpus lacks one; the message names it.
        """

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Id and text of every passage, always in the same order."""

    @property
    def size(self) -> int | None:
        """How many there are; None where it does not say."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """What a first stage offers for one query.

    Attributes:
        query: its id.
        passages: ids of passages, best first.
    """

    query: str
    passages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Candidates for many queries, one query after the other: it may be far larger than memory.

    Attributes:
        name: of the system that made it.
        digest: tells this very run.
        read: goes through it, anew with every call.
        ranked: whether the order of candidates says anything; that of mined negatives does not.
    """

    name: str
    digest: str
    read: Callable[[], Iterator[Candidates]]
    ranked: bool = True


@dataclass(frozen=True, kw_only=True)
class Collection:
    """One set of judged queries.

    Attributes:
        name: of the set; it stands in reports, so it holds no folder of anybody's.
        digest: tells these very queries, judgements and passages.
        queries: query id -> text, of the judged queries at least.
        qrels: query id -> passage id -> grade, 0 for not relevant.
        corpus: the passages.
        run: the first stage that comes with it.
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
    """The passages of a file."""

    def __init__(self, name: str, texts: Mapping[str, str]) -> None:
        self._name = name
        self._texts = texts

    def texts(self, ids: Sequence[str]) -> list[str]:
        """The passages of these ids, in their order."""
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
        """How many there are."""
        return len(self._texts)


def open_folder(folder: Path, split: str | None = None, run: Path | None = None) -> Collection:
    """A folder in BEIR's form: `corpus.jsonl`, `queries.jsonl`, `qrels/` and perhaps `bm25.trec`.

    Args:
        folder: where it is; each file in it may be gzipped.
        split: which file of its `qrels` to take; `test`, `dev` or the only one if none is named.
        run: another first stage than its own, in TREC's form.

    Raises:
        InputError: a file is missing or a line cannot be used; the message names it.
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
    """The same from files of any name: JSON Lines of `_id`, `text` and `title`, and TREC's columns.

    Raises:
        InputError: a file cannot be read or a line cannot be used; the message names it.
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
    """A run in TREC's form, whose lines of one query stand together; by score, best first."""
    return Run(name=file.name.split(".")[0], digest=digest_of([file]), read=lambda: by_query(read_run(file)))


def read_qrels(file: Path) -> dict[str, dict[str, int]]:
    """Query id -> passage id -> grade; a negative grade counts as 0, as for trec_eval.

    Raises:
        InputError: a line cannot be used, or a grade is no whole number.
    """
    grades: dict[str, dict[str, int]] = {}
    for row in read_grades(file):
        if not row.value.is_integer():
            raise InputError(f"{row.place}: the grade must be a whole number, not {row.value!r}")
        grades.setdefault(row.query, {})[row.passage] = max(0, int(row.value))
    return grades


def digest_of(parts: Iterable[object]) -> str:
    """16 hexadecimal digits that tell these very files (by content) and values (by JSON)."""
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
    """The candidates of each query, best first.

    Raises:
        InputError: the rows of a query do not stand together, or name a passage twice.
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
