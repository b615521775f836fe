"""Helpers that read responses: find the entries, sort them by index, and refuse incomplete responses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pertinence.errors import ScoreError
from pertinence.scorer import Float32

__all__ = [
    "SCORES",
    "EntryError",
    "entries",
    "in_order",
    "number",
    "parsed",
    "placed",
    "scattered",
    "usage_of",
]

_LISTS = ("results", "data", "rankings", "scores")
SCORES = ("relevance_score", "score", "logit")
_MISSING = object()
_FLOAT32_MAX = float(np.finfo(np.float32).max)


class EntryError(ScoreError):
    """Error about the entry of one text.

    Attributes:
        place: index of the text in the request, from 0.
    """

    def __init__(self, form: str, place: int) -> None:
        super().__init__(form.replace("{place}", str(place)))
        self._form = form
        self.place = place

    def behind(self, words: str) -> EntryError:
        """Return the same error with `words` before its message."""
        return EntryError(words + self._form, self.place)

    def at(self, place: int) -> ScoreError:
        """Return the same error with `place`, the index of the text in the whole call, not in its request."""
        return ScoreError(self._form.replace("{place}", str(place)))


def parsed(body: bytes) -> Any:
    """Parse a body as JSON.

    Raises:
        ScoreError: the body is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        start = body[:24].decode("utf-8", "replace").strip()
        what = "HTML" if start.lower().startswith(("<!doctype", "<html", "<head")) else "no JSON"
        raise ScoreError(f"it is {what} ({len(body)} bytes)" if body else "it is empty") from None


def entries(content: Any, names: Sequence[str] = _LISTS) -> list[Any]:
    """Return the list in a response: the response itself, or the first field with one of these names.

    Fields that are null are skipped.

    Raises:
        ScoreError: none of the fields is present, or the value is not a list.
    """
    found = content
    if isinstance(content, dict):
        present = [content[name] for name in names if name in content]
        if not present:
            has = ", ".join(repr(str(name)[:40]) for name in list(content)[:6]) or "nothing"
            raise ScoreError(f"it has none of the fields {', '.join(names)}, but {has}")
        found = next((each for each in present if each is not None), None)
    if not isinstance(found, list):
        raise ScoreError(f"a list was due where there is {_kind(found)}")
    return found


def number(value: Any, place: int) -> float:
    """Return a score as a float that float32 can represent.

    Raises:
        ScoreError: the value is not a finite number. A string that looks like a number is refused too.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EntryError(f"the score of document {{place}} is {_kind(value)}, not a number", place)
    if not abs(value) <= _FLOAT32_MAX:  # NaN fails this comparison too
        raise EntryError("the score of document {place} is not finite", place)
    return float(value)


def in_order(values: Sequence[Any], count: int) -> Float32:
    """Convert scores that are in the order of the request to float32.

    Raises:
        ScoreError: there are more or fewer than `count`, or one is not a finite number.
    """
    if len(values) != count:
        raise ScoreError(f"it holds {len(values)} scores for {count} documents")
    if all(type(value) is float for value in values):
        numbers = np.array(values, dtype=np.float64)
        if (np.abs(numbers) <= _FLOAT32_MAX).all():
            return numbers.astype(np.float32)
    return np.array([number(value, place) for place, value in enumerate(values)], dtype=np.float32)


def scattered(
    found: Sequence[Any], count: int, *, index: str = "index", scores: Sequence[str] = SCORES
) -> Float32:
    """Sort scores that carry a document index into the order of the request.

    Other fields of an entry, such as the document itself, are ignored.

    Args:
        found: one object per document, in any order.
        count: number of documents.
        index: name of the field with the document's index, from 0.
        scores: possible names of the score's field; the first one that an entry has is used.

    Raises:
        ScoreError: an index is missing, duplicated or out of range, or a score is not a finite number.
    """
    return in_order(placed(found, count, index=index, fields=scores), count)


def placed(found: Sequence[Any], count: int, *, index: str, fields: Sequence[str]) -> list[Any]:
    """Return one field of each entry, sorted by index into the order of the request.

    Args:
        found: one object per document, in any order.
        count: number of documents.
        index: name of the field with the document's index, from 0.
        fields: possible names of the field to return; the first one that an entry has is used.

    Raises:
        ScoreError: the indices are not exactly 0 to `count` - 1, each once, or an entry lacks the field.
    """
    values: list[Any] = [_MISSING] * count
    name: str | None = None
    for entry in found:
        if not isinstance(entry, dict):
            raise ScoreError(f"an object was due where there is {_kind(entry)}")
        place = entry.get(index)
        if type(place) is not int:
            raise ScoreError(f"an entry has no {index!r} that is a whole number")
        if not 0 <= place < count:
            raise ScoreError(f"{index} {_digits(place)} is out of range for {count} documents")
        if values[place] is not _MISSING:
            raise ScoreError(f"{index} {place} comes twice")
        if name not in entry:
            name = next((each for each in fields if each in entry), None)
            if name is None:
                known = " or ".join(map(repr, fields))
                raise EntryError(f"the entry of document {{place}} has no field {known}", place)
        values[place] = entry[name]
    if len(found) != count:
        first = next(place for place in range(count) if values[place] is _MISSING)
        raise ScoreError(f"it holds {len(found)} entries for {count} documents: {first} is missing")
    return values


def usage_of(content: Any, headers: Mapping[str, str]) -> dict[str, int]:
    """Return the counts that a server reports, under its own names; empty if it reports none."""
    found: dict[str, int] = {}
    if isinstance(content, dict):
        meta = content.get("meta")
        sources = [content.get("usage")]
        if isinstance(meta, dict):
            sources += [meta.get("tokens"), meta.get("billed_units")]
        for source in sources:
            if isinstance(source, dict):
                found.update({str(name): value for name, value in source.items() if _is_count(value)})
    told = headers.get("x-compute-tokens", "")
    if told.isascii() and told.isdigit() and len(told) < 16:
        found["compute_tokens"] = int(told)
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15


def _digits(value: int) -> str:
    return str(value) if abs(value) < 10**12 else "of many digits"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
