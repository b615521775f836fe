"""Inspection of a server for `pertinence doctor`: its software, its dialect and one test request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pertinence.errors import PertinenceError
from pertinence.options import Options
from pertinence.remote.connection import CallResult, Connection
from pertinence.remote.dialects import AUTO, Dialect, Task, find

__all__ = ["Inspection", "inspect"]

_QUERY, _TEXT = "What is a mill?", "A mill grinds grain."


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Result of an inspection.

    Attributes:
        facts: facts about the server, ready to be printed.
        error: error of the test request; None if it succeeded.
    """

    facts: dict[str, Any]
    error: PertinenceError | None


def inspect(options: Options) -> Inspection:
    """Detect the server's software, and send one short text to score (or to embed).

    Raises:
        OptionError: the dialect is unknown, or an option applies only to local models.
    """
    asked = options if options.dialect is not None else options.with_(dialect=AUTO)
    connection = Connection(asked, _task(asked))
    try:
        found = connection.detect_server().result()
        dialect = connection.dialect or found.dialect(connection.task)
        facts: dict[str, Any] = {
            "base_url": connection.settings.base_url,
            "software": found.software,
            "version": found.version,
            "model": options.model or found.model,
            "dialect": dialect.name,
            "chosen": "as asked" if connection.dialect else _why(found.software),
            "scores": _scale(dialect),
            "texts per request": dialect.batch,
            "key": "given" if connection.settings.key else "none",
            **{name.replace("_", " "): value for name, value in found.limits.items()},
        }
        try:
            facts["answer"] = connection.ask(_QUERY, [_TEXT], _describe_answer).result()
        except PertinenceError as error:
            facts["error"] = str(error)
            return Inspection(facts=facts, error=error)
        return Inspection(facts=facts, error=None)
    finally:
        connection.close()


def _task(options: Options) -> Task:
    """Return the task of the configured dialect. An unknown one counts as `rerank` and is reported later."""
    asked = options.dialect
    name = asked.get("name") if isinstance(asked, dict) else asked
    if isinstance(name, str) and name != AUTO:
        try:
            return find(name, "embed").task
        except PertinenceError:
            pass
    return "rerank"


def _describe_answer(asked: CallResult) -> str:
    values = asked.answer.values
    return f"a score of {values[0]:.4g}" if values.ndim == 1 else f"a vector of {values.shape[1]} numbers"


def _why(software: str | None) -> str:
    return (
        f"because {software} answers"
        if software
        else "because most servers speak it: nothing gave this one away"
    )


def _scale(dialect: Dialect) -> str | None:
    if dialect.task == "embed":
        return None
    scales = {"server": "on a scale of the server's own", "unknown": "on an unknown scale"}
    return scales.get(dialect.scale, f"{dialect.scale} values")
