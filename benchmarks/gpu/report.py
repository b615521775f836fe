"""The results as they come: plain data in `gpu.json`, tables in `gpu.md`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Report"]


class Report:
    """Rows by stage.

    Args:
        folder: where the files are written; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.stages: dict[str, list[dict[str, Any]]] = {}
        self.notes: list[str] = []

    def add(self, stage: str, **row: Any) -> None:
        """One row of a stage's table, kept at once: a run may be ended from outside."""
        self.stages.setdefault(stage, []).append(row)
        self.write()
        print(stage, " ".join(f"{key}={_cell(value)}" for key, value in row.items()), flush=True)

    def note(self, text: str) -> None:
        """What was left out, and why; kept at once too."""
        self.notes.append(text)
        self.write()
        print(text, flush=True)

    def write(self) -> None:
        """Both files, anew."""
        content = {"stages": self.stages, "notes": self.notes}
        (self._folder / "gpu.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        (self._folder / "gpu.md").write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        """One table per stage, then the notes."""
        parts = [f"## {stage}\n\n{_table(rows)}" for stage, rows in self.stages.items()]
        if self.notes:
            parts.append("## Left out\n\n" + "\n".join(f"- {note}" for note in self.notes) + "\n")
        return "\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_of(row, name) for name in names) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _of(row: Mapping[str, Any], name: str) -> str:
    return _cell(row[name]) if name in row else ""


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
