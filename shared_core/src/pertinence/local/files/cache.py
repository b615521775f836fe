"""Cache folder for files that are made from a model once, such as converted networks."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from io import BufferedReader
from pathlib import Path

from pertinence.local.machine.processor import processor

__all__ = ["cache_folder", "cached", "compiled_folder", "file_hash", "replace_text", "warn_once"]

_log = logging.getLogger(__name__)
# Written last: an entry without it, or with files that differ from it, is incomplete or damaged.
_MANIFEST = ".manifest.json"
# Unfinished entries of processes that were killed are removed after this number of seconds.
_ABANDONED_AFTER = 24 * 3600.0


def cache_folder(chosen: str | None = None) -> Path:
    """Return the cache folder: the user's choice, `PERTINENCE_CACHE`, or the platform's cache folder."""
    named = os.environ.get("PERTINENCE_CACHE")
    try:
        if chosen is not None:
            return Path(chosen).expanduser() / "pertinence"
        if named:
            return Path(named).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pertinence"
    except RuntimeError:  # The user has no home folder.
        return _folder_of_this_process()


def cached(source: Path, kind: str, make: Callable[[Path], None], chosen: str | None = None) -> Path:
    """Return the folder that `make` filled from the files of `source`; make it now if none is complete.

    The folder is made under a temporary name, with a manifest of its files, and then renamed. So a process
    that dies halfway leaves nothing that looks complete. If an entry has been damaged since, a warning is
    logged, and the entry is removed and made again. If two processes make the same entry at once, the first
    one wins.

    Args:
        source: the model's folder; the names, sizes and times of its files are part of the key.
        kind: kind of entry, for instance `onnx-float32`.
        make: function that fills an empty folder.
        chosen: the user's cache folder, if one was given.
    """
    name = f"{source.name}-{kind}-{_fingerprint(source, kind)}"
    folder = cache_folder(chosen)
    return _whole(folder, name) or _made(_writable(folder, kind), name, make)


def compiled_folder(runtime: str, chosen: str | None = None) -> Path:
    """Return the folder for the files that a runtime compiles. The runtime names and checks them itself.

    Each kind of processor has its own folder. OpenVINO loads files that were compiled for instructions other
    than the available ones, and then fails to run them. This happens if machines share a home folder, or if
    oneDNN is configured not to use some instructions (`ONEDNN_MAX_CPU_ISA`).
    """
    kind = f"{processor()} {os.environ.get('ONEDNN_MAX_CPU_ISA', '')}"
    number = hashlib.sha256(kind.encode("utf-8")).hexdigest()[:8]
    return _writable(cache_folder(chosen) / f"compiled-{runtime}-{number}", f"what {runtime} compiles")


def warn_once(text: str) -> None:
    """Log this warning unless this process has already logged it."""
    _warned(text)


def replace_text(file: Path, text: str) -> None:
    """Write a temporary file in the same folder and rename it, so that readers always see a complete file.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def file_hash(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as opened:
        return _hash(opened)


@functools.cache
def _warned(text: str) -> None:
    _log.warning("%s", text)


def _writable(folder: Path, kind: str) -> Path:
    """Return this folder; if it cannot be written, return one that is removed when the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder):
            return folder
    except OSError as error:
        reason = error.strerror or type(error).__name__
        warn_once(f"{folder} cannot be written ({reason}): {kind} is made again in every process")
        return _folder_of_this_process()


@functools.cache
def _folder_of_this_process() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pertinence-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _whole(folder: Path, name: str) -> Path | None:
    """Return the first intact entry of this name, and remove damaged ones.

    Every entry's name ends in a unique part that is never used again. So a process that removes a damaged
    entry cannot remove the one that another process has made since.
    """
    for place in _entries(folder, f"{name}-"):
        if (fault := _fault(place)) is None:
            return place
        warn_once(f"{place} is damaged ({fault}): it is made again")
        shutil.rmtree(place, ignore_errors=True)
    return None


def _made(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    # If the cache folder cannot be written, `folder` is the folder of this process. It may hold an entry that
    # this process made earlier, and the caller searched only the cache folder.
    if (place := _whole(folder, name)) is not None:
        return place
    _clear_abandoned(folder, name)
    made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
    try:
        make(made)
        _seal(made)
        if (place := _whole(folder, name)) is not None:
            return place
        place = folder / made.name.removeprefix(".")
        made.rename(place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place


def _entries(folder: Path, prefix: str) -> list[Path]:
    try:
        return sorted(place for place in folder.iterdir() if place.name.startswith(prefix))
    except OSError:
        return []


def _clear_abandoned(folder: Path, name: str) -> None:
    for place in _entries(folder, f".{name}-"):
        try:
            abandoned = time.time() - place.stat().st_mtime > _ABANDONED_AFTER
        except OSError:
            continue
        if abandoned:
            shutil.rmtree(place, ignore_errors=True)


def _seal(folder: Path) -> None:
    """Flush the files to the disk, and write their sizes, times and hashes to the manifest."""
    facts = {}
    for file in _files(folder):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            facts[file.relative_to(folder).as_posix()] = [*_stamp(file), _hash(opened)]
    replace_text(folder / _MANIFEST, json.dumps(facts))


def _fault(folder: Path) -> str | None:
    """Return a description of the damage to an entry; None if it is intact.

    A file's content is read again only if its time has changed, so opening an intact entry costs nothing.
    """
    try:
        facts = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        for name, (size, time_ns, content) in facts.items():
            file = folder / name
            if not file.is_file():
                return f"{name} is missing"
            stamp = _stamp(file)
            if stamp[0] != size:
                return f"{name} has {stamp[0]} bytes of {size}"
            if stamp[1] != time_ns and file_hash(file) != content:
                return f"{name} has changed"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return f"no good {_MANIFEST}: {type(error).__name__}"
    return None


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file())


def _stamp(file: Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns


def _hash(opened: BufferedReader) -> str:
    return hashlib.file_digest(opened, "sha256").hexdigest()


def _fingerprint(source: Path, kind: str) -> str:
    digest = hashlib.sha256(f"{_own_version()} {kind} {source.resolve()}".encode())
    for file in _files(source):
        digest.update(f"{file.relative_to(source)} {' '.join(map(str, _stamp(file)))}".encode())
    return digest.hexdigest()[:16]


def _own_version() -> str:
    try:
        return version("pertinence")
    except PackageNotFoundError:
        return "source"
