"""How a server reads the fields of a body: which must be there, of what type, and what it makes of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "COUNT",
    "FLAG",
    "OBJECTS",
    "TEXT",
    "TEXTS",
    "TEXT_OR_TEXTS",
    "WHATEVER",
    "Kind",
    "Problem",
    "problem",
]

Kind = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _text_or_texts(value: Any) -> bool:
    return _text(value) or _texts(value)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whatever(value: Any) -> bool:
    return True


TEXT: Kind = _text
TEXTS: Kind = _texts
TEXT_OR_TEXTS: Kind = _text_or_texts
OBJECTS: Kind = _objects
COUNT: Kind = _count
FLAG: Kind = _flag
WHATEVER: Kind = _whatever


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The first thing that is wrong with a body: `missing`, `type` or `unknown`, and the field."""

    what: str
    field: str
    value: Any = None

    def __str__(self) -> str:
        reasons = {"missing": "is required", "type": "has the wrong type", "unknown": "is not permitted"}
        return f"field '{self.field}' {reasons[self.what]}"


def problem(
    body: Any, *, required: Mapping[str, Kind], optional: Mapping[str, Kind], closed: bool
) -> Problem | None:
    """What a server with these fields would object to; `closed`: other fields are refused, not ignored.

    A null counts as absent where the field is optional, as it does for pydantic and serde alike.
    """
    if not isinstance(body, dict):
        return Problem(what="type", field="body", value=body)
    for name in required:
        if name not in body:
            return Problem(what="missing", field=name, value=body)
    for name, value in body.items():
        kind = required.get(name) or optional.get(name)
        if kind is None and closed:
            return Problem(what="unknown", field=name, value=value)
        if kind is not None and not kind(value) and not (value is None and name in optional):
            return Problem(what="type", field=name, value=value)
    return None
