"""Dialect for servers that take pairs of query and passage, configured by a template in plain data.

It is meant for servers whose fields are not published.
"""

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
    """Template of a dialect that sends pairs.

    Attributes:
        layout: `lists` writes `[[query, text], ...]` under `pairs`, `objects` writes
            `[{query: ..., text: ...}, ...]` there, and `columns` writes two lists of equal length under
            `query` and `text`.
        pairs: name of the field for the pairs; not used for `columns`.
        query: name of the field for a query.
        text: name of the field for a text.
        model: name of the field for the model's name; None leaves it out.
        response: path to the scores, field by field. `data[].score` means the field `score` of every
            entry of `data`; `[]` means the response itself if it is a list of numbers; `[0]` means the
            only entry of a list. With None, the list is searched in the response or in the fields where
            servers usually put it; it may hold numbers, or objects with a score and perhaps an index.
        index: name of the field of an entry that says which pair it belongs to; None if the scores are in
            the order of the pairs. Used only together with `response`.
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
        """Return the pairs in the configured layout, with the model's name if there is a field for it."""
        if self.layout == "columns":
            fields: dict[str, Any] = {self.query: [call.query] * len(call.texts), self.text: list(call.texts)}
        elif self.layout == "objects":
            fields = {self.pairs: [{self.query: call.query, self.text: text} for text in call.texts]}
        else:
            fields = {self.pairs: [[call.query, text] for text in call.texts]}
        return fields if self.model is None or call.model is None else {self.model: call.model, **fields}

    def read(self, content: Any, count: int) -> Float32:
        """Read the scores at the path of the template."""
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
    """Return the scores of entries in any of the forms that servers use."""
    if any(isinstance(entry, dict) and "index" in entry for entry in found):
        return scattered(found, count)
    return in_order([_score(entry) if isinstance(entry, dict) else entry for entry in found], count)


def _score(entry: dict[str, Any]) -> Any:
    return next((entry[name] for name in SCORES if name in entry), None)


def _at(content: Any, way: str) -> Any:
    """Return the value at a path such as `a.b[0].c`.

    Raises:
        ScoreError: a field of the path is missing, or `[0]` meets anything but a list of exactly one entry.
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
    # The model cards say that it takes the model name and pairs, and returns scores between 0 and 1. Field
    # names and path are not published. If they turn out to differ, pass your own template as `dialect`.
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
