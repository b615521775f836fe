"""docs/benchmarks.md: its tables are put there by the command that measured them, and by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import facts
from benchmarks.report import Report

__all__ = ["PAGE", "block", "replaced", "write_docs"]

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write_docs(report: Report, arguments: Sequence[str], page: Path = PAGE, name: str | None = None) -> None:
    """Replace the report's block of the page, and lay its pictures beside the page.

    Args:
        report: what was measured.
        arguments: of the command that measured it.
        page: has a block of that name already.
        name: of the block; the report's own if none is given. Another kind of processor has another block.

    Raises:
        ValueError: it has not.
    """
    text = replaced(page.read_text("utf-8"), name or report.name, block(report, arguments))
    report.draw(page.parent)
    page.write_text(text, encoding="utf-8")


def block(report: Report, arguments: Sequence[str]) -> str:
    """The report as Markdown: pictures, tables, notes, and how and where it was measured."""
    pictures = [f"![{report.captions[name]}]({name})" for name in report.pictures]
    machine = ", ".join(f"{name} {value}" for name, value in facts().items() if name != "processor")
    made = (
        f"- Made by `nox -s bench -- {' '.join(arguments)}`.\n- Machine: {facts()['processor']}; {machine}."
    )
    return "\n\n".join([*pictures, f"{report.body()}\n{made}"])


def replaced(page: str, name: str, content: str) -> str:
    """The page with other content between the two marks of `name`.

    Raises:
        ValueError: it has no such marks, or not in this order.
    """
    start, end = f"<!-- {name}: written by the command -->\n", f"<!-- end of {name} -->"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{PAGE.name} has no block between {start.strip()!r} and {end!r}")
    return f"{before}{start}\n{content}\n\n{end}{after}"
