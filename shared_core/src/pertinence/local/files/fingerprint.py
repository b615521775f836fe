"""Fingerprint of a model: a hash of the files that determine its scores, independent of its folder's name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from pertinence.local.files.cache import cache_folder, file_hash, replace_text, warn_once

__all__ = ["fingerprint"]

# Weights, graphs, settings (also the tokenizer's) and code. Files that only describe a model do not count.
_SUFFIXES = frozenset({".safetensors", ".bin", ".onnx", ".onnx_data", ".data", ".xml", ".json", ".py"})
_NOT_THE_MODEL = frozenset({"gate.json"})


def fingerprint(folder: Path, chosen: str | None = None) -> str:
    """Return 64 hexadecimal digits: SHA-256 over the names and contents of the model's files.

    The result is kept in the cache folder, and used as long as no file's size or time changes. If the cache
    folder cannot be written, the result is computed again, at about a second per gigabyte.

    Args:
        folder: the model's folder.
        chosen: the user's cache folder, if one was given.
    """
    files = list(_files(folder))
    stamps = [[name, file.stat().st_size, file.stat().st_mtime_ns] for name, file in files]
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
    kept = cache_folder(chosen) / "fingerprints" / f"{place}.json"
    if (known := _known(kept, stamps)) is not None:
        return known
    digest = hashlib.sha256()
    for name, file in files:
        digest.update(f"{name} {file_hash(file)}\n".encode())
    found = digest.hexdigest()
    try:
        replace_text(kept, json.dumps({"files": stamps, "fingerprint": found}))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        warn_once(f"{kept.parent} cannot be written ({reason}): models are hashed again in every process")
    return found


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if file.suffix in _SUFFIXES and name not in _NOT_THE_MODEL and not hidden and file.is_file():
            yield name, file


def _known(kept: Path, stamps: list[list[object]]) -> str | None:
    """Return the kept fingerprint for files of these sizes and times; None if it is missing or damaged."""
    try:
        record = json.loads(kept.read_text(encoding="utf-8"))
        found = record["fingerprint"]
        same: bool = record["files"] == stamps
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        warn_once(f"{kept} is damaged ({type(error).__name__}): it is written again")
        return None
    return found if same and isinstance(found, str) and len(found) == 64 else None
