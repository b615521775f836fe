"""Registry of dialects by name. A dialect describes the requests and responses of one kind of server.

Users can add their own:

@dataclass(frozen=True, kw_only=True)
class Judge(Dialect):
    name: str = "judge"
    path: str = "/judge"
    scale: Scale = "logit"

    def fields(self, call):
        return {"question": call.query, "answers": list(call.texts)}

    def read(self, content, count):
        return in_order(content["marks"], count)

register(Judge())
Reranker(base_url="http://localhost:8080", dialect="judge")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args

from pertinence.errors import OptionError
from pertinence.remote.dialects import cohere, nvidia, openai, pairs, tei, vllm_score, voyage
from pertinence.remote.dialects.base import Answer, Call, Dialect, Request, Scale, Task
from pertinence.remote.dialects.reading import entries, in_order, scattered

__all__ = [
    "AUTO",
    "DEFAULTS",
    "Answer",
    "Call",
    "Dialect",
    "Request",
    "Scale",
    "Task",
    "entries",
    "find",
    "in_order",
    "names",
    "register",
    "scattered",
]

AUTO = "auto"
DEFAULTS: Mapping[Task, str] = {"rerank": "cohere", "embed": "openai"}
_dialects: dict[str, Dialect] = {}


def register(dialect: Dialect) -> None:
    """Register a dialect under its name, for this process. It replaces a dialect of the same name.

    Raises:
        OptionError: the name is empty, or it is the reserved name `auto`.
    """
    if not dialect.name or dialect.name == AUTO:
        raise OptionError(f"dialect: {dialect.name!r} cannot be the name of one")
    _dialects[dialect.name] = dialect


def names(task: Task | None = None) -> list[str]:
    """Return the sorted names of all dialects, or only of those for the given task."""
    return sorted(name for name, each in _dialects.items() if task in (None, each.task))


def find(asked: str | Mapping[str, Any] | None, task: Task) -> Dialect:
    """Return the dialect for a value of the option `dialect`.

    Args:
        asked: a name; a mapping that changes fields of the dialect that its key `name` gives (`pairs` without
            that key); or None for the default dialect of the task, which most servers support.
        task: task that the dialect must support.

    Raises:
        OptionError: there is no dialect of that name, it has another task, or it has no such field.
    """
    if isinstance(asked, Mapping):
        changes = dict(asked)
        return _changed(_named(changes.pop("name", "pairs"), task), changes)
    return _named(DEFAULTS[task] if asked is None else asked, task)


def _named(name: object, task: Task) -> Dialect:
    if not isinstance(name, str) or name not in _dialects:
        raise OptionError(f"there is no dialect {name!r}; known are {', '.join(names(task))}, and {AUTO}")
    dialect = _dialects[name]
    if dialect.task != task:
        does = "embeds" if dialect.task == "embed" else "reranks"
        raise OptionError(f"dialect {name!r} {does}; here one of {', '.join(names(task))} is needed")
    return dialect


def _changed(dialect: Dialect, changes: Mapping[str, Any]) -> Dialect:
    """Return a copy of the dialect with changed fields. `extra` is merged with the entries it has."""
    known = {each.name: getattr(dialect, each.name) for each in fields(dialect)}
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise OptionError.unknown(f"dialect: {name}", [f"dialect: {each}" for each in known])
        values[name] = _checked(dialect, name, value)
    return replace(dialect, **values)


def _checked(dialect: Dialect, name: str, value: Any) -> Any:
    """Check a value that came as plain data, and convert it to the type of the field."""
    now = getattr(dialect, name)
    if name == "scale" and value not in get_args(Scale):
        raise OptionError(f"dialect: scale must be one of {', '.join(get_args(Scale))}; got {value!r}")
    if name == "extra":
        if not isinstance(value, Mapping):
            raise OptionError(f"dialect: extra must be an object, got {value!r}")
        return {**dialect.extra, **value}
    if name == "auth" and not (isinstance(value, str) and ": " in value and value.count("{}") == 1):
        raise OptionError(f"dialect: auth must look like 'X-Api-Key: {{}}', got {value!r}")
    if name in ("batch", "most_bytes") and value is not None and (type(value) is not int or value <= 0):
        raise OptionError(f"dialect: {name} must be a whole number > 0 or null, got {value!r}")
    if isinstance(now, tuple):
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    if isinstance(now, str) and not isinstance(value, str):
        if value is None and name in ("model", "dimensions"):
            return None
        raise OptionError(f"dialect: {name} must be a text, got {value!r}")
    if isinstance(now, bool) and name == "splits" and not isinstance(value, bool):
        raise OptionError(f"dialect: splits must be true or false, got {value!r}")
    return value


for _module in (cohere, tei, voyage, nvidia, vllm_score, pairs, openai):
    for _each in _module.DIALECTS:
        register(_each)
