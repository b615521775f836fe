"""Collections of ir_datasets by id: passages stay on disk, and runs are streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pertinence.datafiles import RunRow
from pertinence.errors import InputError, MissingExtraError
from pertinence.evaluation.collection import Collection, Run, by_query, digest_of

__all__ = ["known_datasets", "open_dataset"]


def open_dataset(name: str, *, shown: str | None = None, run: Run | None = None) -> Collection:
    """Open the collection with this id; its files are downloaded when they are first read.

    Args:
        name: an id such as `mmarco/v2/fr/dev/small`.
        shown: name in reports, if not the id.
        run: first-stage run that replaces the one that may come with the data set.

    Raises:
        InputError: the data set has no queries, no judgments or no passages, or cannot be downloaded.
        MissingExtraError: ir_datasets is not installed.
    """
    dataset = _ir_datasets().load(name)
    for part, there in (
        ("passages", dataset.has_docs()),
        ("queries", dataset.has_queries()),
        ("judgements", dataset.has_qrels()),
    ):
        if not there:
            raise InputError(
                f"the dataset {name!r} of ir_datasets has no {part}: name a part of it that does"
            )
    qrels: dict[str, dict[str, int]] = {}
    with _reading(name):
        for row in dataset.qrels_iter():
            qrels.setdefault(row.query_id, {})[row.doc_id] = max(0, int(row.relevance))
        queries = {each.query_id: _text(each) for each in dataset.queries_iter() if each.query_id in qrels}
    return Collection(
        name=shown or name,
        digest=digest_of([name, queries, qrels]),
        queries=queries,
        qrels=qrels,
        corpus=_Passages(name, dataset),
        run=run or (_scored(name, dataset) if dataset.has_scoreddocs() else None),
    )


def known_datasets() -> list[str]:
    """Return all ids of ir_datasets; an empty list if it is not installed."""
    try:
        return [str(name) for name in _ir_datasets().registry]
    except MissingExtraError:
        return []


class _Passages:
    """Passages of a data set, looked up on disk."""

    def __init__(self, name: str, dataset: Any) -> None:
        self._name = name
        self._dataset = dataset
        self._store: Any = None

    def texts(self, ids: Sequence[str]) -> list[str]:
        with _reading(self._name):
            if self._store is None:
                self._store = self._dataset.docs_store()
            found = self._store.get_many(ids)
        if missing := [each for each in ids if each not in found]:
            raise InputError(
                f"{self._name} lacks {len(missing)} of {len(ids)} passages, the first is {missing[0]!r}"
            )
        return [_text(found[each]) for each in ids]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        with _reading(self._name):
            yield from ((each.doc_id, _text(each)) for each in self._dataset.docs_iter())

    @property
    def size(self) -> int | None:
        count = self._dataset.docs_count()
        return None if count is None else int(count)


def _scored(name: str, dataset: Any) -> Run:
    def read() -> Iterator[RunRow]:
        with _reading(name):
            for number, row in enumerate(dataset.scoreddocs_iter(), start=1):
                place = f"{name}, scored document {number}"
                yield RunRow(place, row.query_id, row.doc_id, number, float(row.score))

    return Run(name="BM25", digest=digest_of([name, "scoreddocs"]), read=lambda: by_query(read()))


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Convert an error while downloading or reading into an `InputError` that names the data set."""
    try:
        yield
    except OSError as error:
        reason = type(error).__name__
        raise InputError(
            f"the dataset {name!r} of ir_datasets cannot be fetched or read ({reason})"
        ) from error


def _text(row: Any) -> str:
    """Return the title and the text on separate lines, as for the passages of a folder.

    If one of them is missing, return the text alone, or the data set's default text.
    """
    title, text = getattr(row, "title", None), getattr(row, "text", None)
    if title and text:
        return f"{title}\n{text}"
    return str(text if text is not None else row.default_text())


def _ir_datasets() -> Any:
    try:
        import ir_datasets
    except ImportError as error:
        raise MissingExtraError.of("a dataset of ir_datasets", "evaluation") from error
    return ir_datasets
