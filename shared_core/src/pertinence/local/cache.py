"""The folder for what is made from a model once and kept: converted files, by content of their source."""

from __future__ import annotations

import atexit
import functools
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["cache_folder", "cached"]

_log = logging.getLogger(__name__)


def cache_folder(chosen: str | None = None) -> Path:
    """Where things are kept: the user's choice, `PERTINENCE_CACHE`, or the platform's cache folder."""
    named = os.environ.get("PERTINENCE_CACHE")
    try:
        if chosen is not None:
            return Path(chosen).expanduser() / "pertinence"
        if named:
            return Path(named).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pertinence"
    except RuntimeError:  # a user without a home
        return _folder_of_this_process()


def cached(source: Path, kind: str, make: Callable[[Path], None], chosen: str | None = None) -> Path:
    """The folder that `make` filled from the files of `source`, made now if it is not there.

    It is made beside its place and then renamed, so a process that dies half-way leaves nothing
    that looks whole, and of two processes that make the same thing at once the first one wins.

    Args:
        source: the model's folder; its files' names, sizes and times are the key.
        kind: what is made, for instance `onnx-float32`.
        make: fills an empty folder.
        chosen: the user's cache folder, if one was named.
    """
    name = f"{source.name}-{kind}-{_fingerprint(source, kind)}"
    place = cache_folder(chosen) / name
    if place.is_dir():
        return place
    return _made(_writable(place.parent, kind) / name, make)


def _writable(folder: Path, kind: str) -> Path:
    """This folder, or one that lasts as long as the process where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder):
            return folder
    except OSError as error:
        _log.warning("%s cannot be written (%s): %s is made again in every process", folder, error, kind)
        return _folder_of_this_process()


@functools.cache
def _folder_of_this_process() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pertinence-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _made(place: Path, make: Callable[[Path], None]) -> Path:
    if place.is_dir():
        return place
    made = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        make(made)
        made.rename(place)
    except OSError:
        # Another process was first; its work is as good as this one's.
        if not place.is_dir():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place


def _fingerprint(source: Path, kind: str) -> str:
    digest = hashlib.sha256(f"{_own_version()} {kind} {source.resolve()}".encode())
    for file in sorted(source.rglob("*")):
        if file.is_file():
            facts = file.stat()
            digest.update(f"{file.relative_to(source)} {facts.st_size} {facts.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _own_version() -> str:
    try:
        return version("pertinence")
    except PackageNotFoundError:
        return "source"
