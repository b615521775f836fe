"""Collections of ir_datasets by their ids: passages stay on disk, and runs are read as they stream by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pertinence.datafiles import RunRow
from pertinence.errors import InputError, MissingExtraError
from pertinence.evaluation.collection import Collection, Run, by_query, digest_of

__all__ = ["known_datasets", "open_dataset"]


def open_dataset(name: str, *, shown: str | None = None, run: Run | None = None) -> Collection:
    """The collection of this id; what it needs is downloaded when it is first read.

    Args:
        name: an id such as `mmarco/v2/fr/dev/small`.
        shown: what reports call it, if not by its id.
        run: another first stage than the run that may come with it.

    Raises:
        InputError: it has no queries, no judgements or no passages, or cannot be fetched.
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
    """Every id; none where ir_datasets is not installed."""
    try:
        return [str(name) for name in _ir_datasets().registry]
    except MissingExtraError:
        return []


class _Passages:
    """The passages of a dataset, looked up on disk."""

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
    """What goes wrong while it is downloaded or read is told with its name."""
    try:
        yield
    except OSError as error:
        reason = type(error).__name__
        raise InputError(
            f"the dataset {name!r} of ir_datasets cannot be fetched or read ({reason})"
        ) from error


def _text(row: Any) -> str:
    """As a folder's passages have it, the title on a line before the text; else what the dataset says."""
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
