"""Files inside packages, without unpacking or installing them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

_HEADER = 60  # bytes before each member of an ar archive: name 16, then numbers, its size in 48 to 58


def members(package: Path, ending: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file whose name so ends, of a `.tgz` or a `.deb`, in the package's order."""
    content = _data(package.read_bytes()) if package.suffix == ".deb" else package.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if member.name.endswith(ending) and (file := archive.extractfile(member)) is not None:
                yield member.name, file.read()


def _data(package: bytes) -> bytes:
    """The archive of files inside a Debian package, itself an ar archive (deb(5))."""
    place = len(b"!<arch>\n")
    while place < len(package):
        name = package[place : place + 16].decode("ascii").strip()
        size = int(package[place + 48 : place + 58])
        place += _HEADER
        if name.startswith("data.tar"):
            return package[place : place + size]
        place += size + size % 2
    raise ValueError("no files in this package")
