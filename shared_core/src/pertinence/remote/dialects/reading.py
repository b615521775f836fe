"""How answers are read: entries found in any shape, put in place by index, refused unless complete."""

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
    """What is wrong with one text's entry.

    Attributes:
        place: which text of the request it is, from 0.
    """

    def __init__(self, form: str, place: int) -> None:
        super().__init__(form.replace("{place}", str(place)))
        self._form = form
        self.place = place

    def behind(self, words: str) -> EntryError:
        """The same with `words` before it."""
        return EntryError(words + self._form, self.place)

    def at(self, place: int) -> ScoreError:
        """The same for the place that the text has among all, not only those of its request."""
        return ScoreError(self._form.replace("{place}", str(place)))


def parsed(body: bytes) -> Any:
    """The JSON of a body.

    Raises:
        ScoreError: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        start = body[:24].decode("utf-8", "replace").strip()
        what = "HTML" if start.lower().startswith(("<!doctype", "<html", "<head")) else "no JSON"
        raise ScoreError(f"it is {what} ({len(body)} bytes)" if body else "it is empty") from None


def entries(content: Any, names: Sequence[str] = _LISTS) -> list[Any]:
    """The list of an answer: the answer itself, or the first of its fields of these names.

    Raises:
        ScoreError: there is none.
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
    """A score as a float that float32 can hold.

    Raises:
        ScoreError: it is no finite number; a text that looks like one is none either.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EntryError(f"the score of document {{place}} is {_kind(value)}, not a number", place)
    if not abs(value) <= _FLOAT32_MAX:  # which NaN is not either
        raise EntryError("the score of document {place} is not finite", place)
    return float(value)


def in_order(values: Sequence[Any], count: int) -> Float32:
    """Scores that stand in the order of the request.

    Raises:
        ScoreError: there are more or fewer than `count`, or one is no finite number.
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
    """Scores that say which document they belong to, in the order of the request.

    Whatever else an entry holds, such as the document itself, is not looked at.

    Args:
        found: one object per document, in any order.
        count: how many documents there are.
        index: the field that says which, from 0.
        scores: the score's field; the first of these that an entry has.

    Raises:
        ScoreError: an index is missing, doubled or out of range, or a score is no finite number.
    """
    return in_order(placed(found, count, index=index, fields=scores), count)


def placed(found: Sequence[Any], count: int, *, index: str, fields: Sequence[str]) -> list[Any]:
    """What the entries hold, in the order of the request: each place from 0 to `count` exactly once.

    Raises:
        ScoreError: it is not so.
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
    """What a server says that it counted, by its own names; empty if it says nothing."""
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
