"""The hub's cache as a download leaves it, so that models are found by name without a hub."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

__all__ = ["put"]


def put(cache: Path, name: str, source: Path, *, revision: str = "main") -> Path:
    """Copy the files of `source` to where a download of `name` at `revision` would have put them."""
    place = cache / f"models--{name.replace('/', '--')}"
    commit = hashlib.sha1(f"{name} {revision}".encode()).hexdigest()
    (place / "refs").mkdir(parents=True, exist_ok=True)
    (place / "refs" / revision).write_text(commit, encoding="utf-8")
    snapshot = place / "snapshots" / commit
    shutil.copytree(source, snapshot)
    return snapshot
