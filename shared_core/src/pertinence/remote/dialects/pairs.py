"""Pairs of query and passage, by a template in plain data: for servers whose fields are not published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pertinence.errors import OptionError, ScoreError
from pertinence.remote.dialects.base import Call, Dialect, Scale
from pertinence.remote.dialects.reading import SCORES, entries, in_order, scattered
from pertinence.remote.dialects.tei import TEI_BATCH, TEI_BYTES
from pertinence.scorer import Float32

__all__ = ["DIALECTS", "Layout", "Pairs"]

Layout = Literal["lists", "objects", "columns"]


@dataclass(frozen=True, kw_only=True)
class Pairs(Dialect):
    """The template.

    Attributes:
        layout: `lists` writes `[[query, text], ...]` under `pairs`, `objects` writes
            `[{query: ..., text: ...}, ...]` there, and `columns` writes two lists of one length under
            `query` and `text`.
        pairs: field of the pairs; not used for columns.
        query: field of a query.
        text: field of a text.
        model: field of the model's name; None leaves it out.
        response: the way to the scores, field by field: `data[].score` is the field `score` of every
            entry of `data`, `[]` the answer itself if it is a list of numbers. `[0]` is the only
            entry of a list. None takes the list wherever servers put it, of numbers or of objects
            with a score and perhaps an index.
        index: field of an entry that says which pair it belongs to; None if the scores stand in the
            order of the pairs.
    """

    name: str = "pairs"
    path: str = "/rerank"
    scale: Scale = "unknown"
    batch: int | None = 1000
    layout: Layout = "lists"
    pairs: str = "input"
    query: str = "query"
    text: str = "text"
    model: str | None = "model"
    response: str | None = None
    index: str | None = None

    def __post_init__(self) -> None:
        if self.layout not in ("lists", "objects", "columns"):
            raise OptionError(f"dialect: layout must be lists, objects or columns, got {self.layout!r}")
        if self.response is not None and self.response.count("[]") != 1:
            raise OptionError(
                f"dialect: response must hold [] once, as in data[].score; got {self.response!r}"
            )

    def fields(self, call: Call) -> Mapping[str, Any]:
        """The pairs in their layout."""
        if self.layout == "columns":
            fields: dict[str, Any] = {self.query: [call.query] * len(call.texts), self.text: list(call.texts)}
        elif self.layout == "objects":
            fields = {self.pairs: [{self.query: call.query, self.text: text} for text in call.texts]}
        else:
            fields = {self.pairs: [[call.query, text] for text in call.texts]}
        return fields if self.model is None or call.model is None else {self.model: call.model, **fields}

    def read(self, content: Any, count: int) -> Float32:
        """The scores that the template leads to."""
        if self.response is None:
            return _found(entries(content), count)
        to_list, _, to_score = self.response.partition("[]")
        found = _at(content, to_list)
        if not isinstance(found, list):
            raise ScoreError(f"there is no list at {to_list or 'its top'!r}")
        if self.index is None:
            return in_order([_at(entry, to_score) for entry in found], count)
        placed = [{"index": _at(entry, self.index), "score": _at(entry, to_score)} for entry in found]
        return scattered(placed, count)


def _found(found: list[Any], count: int) -> Float32:
    """Scores of entries in any of the shapes that servers use."""
    if any(isinstance(entry, dict) and "index" in entry for entry in found):
        return scattered(found, count)
    return in_order([_score(entry) if isinstance(entry, dict) else entry for entry in found], count)


def _score(entry: dict[str, Any]) -> Any:
    return next((entry[name] for name in SCORES if name in entry), None)


def _at(content: Any, way: str) -> Any:
    """What stands at the end of the way, such as `a.b[0].c`.

    Raises:
        ScoreError: the way ends before, or there is more than one thing where one was due.
    """
    for step in way.replace("[0]", ".[0]").strip(".").split("."):
        if not step:
            continue
        if step == "[0]":
            if not isinstance(content, list) or len(content) != 1:
                raise ScoreError("a list of exactly one entry was due: has the model more than one label?")
            content = content[0]
        elif isinstance(content, dict) and step in content:
            content = content[step]
        else:
            raise ScoreError(f"there is no field {step!r}")
    return content


DIALECTS = (
    Pairs(),
    # Its cards say: model name and input pairs in, scores between 0 and 1 out. Names and path are not
    # published: where they turn out different, `dialect` takes a template of one's own.
    Pairs(name="gigarouter", scale="probability"),
    Pairs(
        name="deepinfra",
        path="/inference/{model}",
        scale="server",
        layout="columns",
        query="queries",
        text="documents",
        model=None,
        response="scores[]",
    ),
    Pairs(
        name="tei-predict",
        path="/predict",
        scale="logit",
        batch=TEI_BATCH,
        most_bytes=TEI_BYTES,
        cuts=True,
        pairs="inputs",
        model=None,
        response="[][0].score",
        extra={"raw_scores": True, "truncate": True},
    ),
)
