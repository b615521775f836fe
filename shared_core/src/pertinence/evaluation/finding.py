"""Lookup of a collection by name: a folder in BEIR format or an id of ir_datasets."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from pertinence.errors import InputError
from pertinence.evaluation.collection import Collection, open_folder, trec_run
from pertinence.evaluation.irds import known_datasets, open_dataset

__all__ = ["open_data"]

_NEAREST = 3


def open_data(name: str, *, split: str | None = None, run: Path | None = None) -> Collection:
    """Open the collection with this name.

    Args:
        name: a folder, or an id of ir_datasets.
        split: which judgments of a folder to use; an id of ir_datasets takes none.
        run: first-stage run in TREC format that replaces the collection's own.

    Raises:
        InputError: no collection has this name (the message lists the nearest names), or the data is invalid.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return open_folder(folder, split, run)
    known = known_datasets()
    if name in known:
        if split is not None:
            raise InputError(f"the split of {name!r} is part of its id; there are {_parts(name, known)}")
        return open_dataset(name, run=None if run is None else trec_run(run))
    beside = [str(folder.parent / each.name) for each in _folders(folder.parent)]
    near = get_close_matches(name, [*beside, *known], n=_NEAREST)
    hint = f"; near it: {', '.join(near)}" if near else ""
    without = (
        "" if find_spec("ir_datasets") else " (which is not installed: pip install 'pertinence[evaluation]')"
    )
    raise InputError(f"no data {name!r}: neither a folder nor an id of ir_datasets{without}{hint}")


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(each for each in parent.iterdir() if each.is_dir() and not each.name.startswith("."))
    except OSError:
        return []


def _parts(name: str, known: list[str]) -> str:
    return ", ".join(each for each in known if each.startswith(f"{name}/")) or name
