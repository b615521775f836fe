"""What a benchmark hands back: tables to read, targets to meet, and the same figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Report", "Table", "Target"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a title; cells are text already, so that each table chooses its digits.

    The first `words` columns are set left, the others, which are figures, right.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1

    def text(self) -> str:
        """Markdown whose columns line up."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        sides = ["<" if column < self.words else ">" for column in range(len(widths))]
        head, *body = ["| " + " | ".join(map("{:{}{}}".format, row, sides, widths)) + " |" for row in cells]
        rule = [
            "-" * (width + 1) + ("-" if side == "<" else ":")
            for side, width in zip(sides, widths, strict=True)
        ]
        return "\n".join([f"**{self.title}**", "", head, f"|{'|'.join(rule)}|", *body])


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure that was promised, and what came of it."""

    what: str
    wanted: str
    got: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """One benchmark, measured.

    Attributes:
        name: as it is asked for on the command line.
        tables: for people.
        targets: what was promised of it.
        notes: under what conditions it was measured, one sentence each.
        figures: everything, unrounded, for the JSON file.
        pictures: SVG by file name, what each shows by the same name in `captions`.
    """

    name: str
    tables: Sequence[Table]
    targets: Sequence[Target] = ()
    notes: Sequence[str] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Its name, then what it says."""
        return f"# {self.name}\n\n{self.body()}\n"

    def body(self) -> str:
        """Tables, then targets, then notes."""
        tables = [*self.tables]
        if self.targets:
            rows = [
                (each.what, each.wanted, each.got, "met" if each.met else "MISSED") for each in self.targets
            ]
            tables.append(Table(title="Targets", columns=("target", "wanted", "got", ""), rows=rows))
        notes = "\n".join(f"- {note}" for note in self.notes)
        return "\n\n".join([*(table.text() for table in tables), notes]).rstrip()

    def save(self, folder: Path) -> Path:
        """Write the figures into `folder`, under the name and the time, and say where."""
        now = datetime.now(UTC)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}-{now:%Y%m%d-%H%M%S}.json"
        content: dict[str, Any] = {
            "name": self.name,
            "at": now.isoformat(timespec="seconds"),
            "notes": self.notes,
            "targets": [asdict(target) for target in self.targets],
            **self.figures,
        }
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        self.draw(folder)
        return path

    def draw(self, folder: Path) -> None:
        """Write the pictures into `folder`, over those of last time."""
        for name, picture in self.pictures.items():
            (folder / name).write_text(picture, encoding="utf-8")
