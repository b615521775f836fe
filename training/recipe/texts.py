"""English prose that is at hand wherever the recipe runs: the documentation strings of open-source libraries.

A function's summary line and the paragraphs below it are a question and its passage of another kind than an
encyclopaedia's: short, technical, without interrogation. Only libraries under a permissive licence, which the
recipe's environment pins, are read.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

LIBRARIES = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
SHORTEST, LONGEST = 45, 230  # words of a passage

_MARKUP = re.compile(r":[a-z:+-]+:`~?([^`<]+?)(?:\s*<[^`>]*>)?`|`{1,2}([^`]+)`{1,2}|\*\*([^*]+)\*\*")
_NO_PROSE = re.compile(r"^\s*(>>>|\.\.\. |\.\. |[-=~^\"]{3,}|:[a-z-]+:|\||\+[-=]|@)")
_HEADING = re.compile(r"^\s*[-=~]{3,}\s*$")
_SKIPPED = {"examples", "references", "see also", "attributes", "methods", "warns"}


@dataclass(frozen=True, kw_only=True)
class Documented:
    """What one function or class is said to do: a line, and the prose below it."""

    summary: str
    body: str


def documented() -> list[Documented]:
    """Every documented function and class whose prose is of a passage's length, each text once."""
    seen: dict[str, Documented] = {}
    for name in LIBRARIES:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise SystemExit(f"pip install {LIBRARIES[name]}: its documentation is a source of the recipe")
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            if "tests" not in path.parts and "externals" not in path.parts:
                for found in _of_file(path):
                    seen.setdefault(found.body, found)
    return list(seen.values())


def versions() -> dict[str, str]:
    """Version of each library that is read."""
    return {package: version(package) for package in LIBRARIES.values()}


def _of_file(path: Path) -> Iterator[Documented]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            text = ast.get_docstring(node, clean=True)
            if text and (found := _split(text)):
                yield found


def _split(text: str) -> Documented | None:
    summary, _, rest = inspect.cleandoc(text).partition("\n\n")
    body = _prose(rest)
    words = body.split()
    summary = _plain(" ".join(summary.split()))
    if not 4 <= len(summary.split()) <= 30 or len(words) < SHORTEST:
        return None
    return Documented(summary=summary, body=" ".join(words[:LONGEST]))


def _prose(text: str) -> str:
    """The sentences of a documentation string, without its code, tables, headings and references."""
    lines, kept, skipping = text.split("\n"), [], False
    for place, line in enumerate(lines):
        below = lines[place + 1] if place + 1 < len(lines) else ""
        if line.strip() and _HEADING.match(below):
            skipping = line.strip().lower() in _SKIPPED
            continue
        if not skipping and line.strip() and not _NO_PROSE.match(line):
            kept.append(_plain(line.strip()))
    return " ".join(kept)


def _plain(line: str) -> str:
    return _MARKUP.sub(lambda match: next(part for part in match.groups() if part), line)
