"""The page itself: line counts, one table per framework, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.workspace.adapters_page.stated import PEERS, SAID

if TYPE_CHECKING:  # it brings the peers along, which are not installed everywhere
    from tests.workspace.adapters_page.contenders import Contender

__all__ = ["PAGE", "ROOT", "line_counts", "page"]

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "adapters.md"
OPEN = "–"

HEAD = """\
# Adapters beside the frameworks' own

What our components do in each framework, and what the rerankers that people have today do. This page is
written by `python -m tests.workspace.adapters_page`, and a test fails when it is out of date.

- The two columns to the left of each table are **measured**: every cell above the line of dashes is a check
  of the [conformance suites](testing.md), run on the component in the version that is named. Checks that look
  at scores fail where a component gives none. The frameworks' own run over a small cross-encoder or a fake
  one, ours over a fake scorer.
- The other columns, and the rows below the line, were **read** in the sources of that version. "–" is what
  was not looked at, or does not apply.

The options that all of ours have, and the frameworks' words for them, stand in [options.md](options.md); what
to write in place of what, in the README of each package.
"""


def page(results: Sequence[tuple[Contender, Mapping[str, str]]]) -> str:
    """The page, from what was measured of each contender."""
    parts = [HEAD]
    for framework in SAID:
        chosen = [(one, cells) for one, cells in results if one.framework == framework]
        parts.append(f"## {framework}\n\n{_features(framework, chosen)}\n")
    parts.append(
        "## Lines\n\nWhat two frameworks need lives in the core; what is left is short. Lines of every file "
        f"of the adapters, docstrings and comments included:\n\n{_lines()}\n"
    )
    return "\n".join(parts)


def line_counts() -> dict[str, dict[str, int]]:
    """Lines of every Python file, by distribution and by its path there, of the adapters."""
    counts: dict[str, dict[str, int]] = {}
    for folder in sorted((ROOT / "packages").iterdir()):
        if folder.name != "pertinence-mini":
            counts[folder.name] = {
                str(file.relative_to(folder / "src")): len(file.read_text("utf-8").splitlines())
                for file in sorted((folder / "src").rglob("*.py"))
            }
    return counts


def _features(framework: str, chosen: Sequence[tuple[Contender, Mapping[str, str]]]) -> str:
    read = PEERS[framework]
    heads = [*(one.title for one, _ in chosen), *read]
    rows = [
        [label, *(cells[label] for _, cells in chosen), *(cells.get(label, OPEN) for cells in read.values())]
        for label in chosen[0][1]
    ]
    rows.append(["---"] * (1 + len(heads)))
    rows += [[label, *(cell or OPEN for cell in cells)] for label, cells in SAID[framework].items()]
    return _table(["", *heads], rows)


def _lines() -> str:
    rows = [
        [f"`{distribution}`", f"`{file}`", str(count)]
        for distribution, files in line_counts().items()
        for file, count in files.items()
    ]
    return _table(["distribution", "file", "lines"], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
