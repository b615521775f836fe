"""Measured speeds: the time that each backend takes in float32, for one model on this processor.

`pertinence tune` measures them and keeps them in the cache folder. They are valid only for exactly the same
weights, processor, number of threads and versions of the runtimes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pertinence.local.files.cache import cache_folder, replace_text, warn_once
from pertinence.local.files.fingerprint import fingerprint
from pertinence.local.machine.cores import usable_cores
from pertinence.local.machine.processor import processor
from pertinence.local.selection.verdicts import runtimes_of

__all__ = ["measured", "store"]

_FOLDER = "speeds"


def measured(folder: Path, chosen: str | None = None) -> dict[str, float]:
    """Return the seconds of each backend for the same texts, the fastest first; empty if none was measured.

    Args:
        folder: the model's folder.
        chosen: the user's cache folder, if one was given.
    """
    # Check this before any hashing, because most models were never measured.
    if not (cache_folder(chosen) / _FOLDER).is_dir():
        return {}
    file = _file(fingerprint(folder, chosen), chosen)
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        found = {
            str(backend): float(each["seconds"])
            for backend, each in kept["backends"].items()
            if each["runtimes"] == runtimes_of(backend)
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        warn_once(f"{file} is not read: {type(error).__name__} {error}")
        return {}
    return dict(sorted(found.items(), key=lambda item: item[1]))


def store(folder: Path, seconds: Mapping[str, float], chosen: str | None = None) -> Path | None:
    """Store the measured seconds in place of earlier ones; return the file, or None if writing fails."""
    file = _file(fingerprint(folder, chosen), chosen)
    content: dict[str, Any] = {
        "backends": {
            backend: {"seconds": each, "runtimes": runtimes_of(backend)} for backend, each in seconds.items()
        },
        "processor": processor().name,
        "threads": usable_cores(),
    }
    try:
        replace_text(file, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        warn_once(f"{file.parent} cannot be written ({reason}): the measured speeds are not kept")
        return None
    return file


def _file(of: str, chosen: str | None) -> Path:
    kind = hashlib.sha256(f"{processor()} {usable_cores()}".encode()).hexdigest()[:16]
    return cache_folder(chosen) / _FOLDER / of[:32] / f"{kind}.json"
