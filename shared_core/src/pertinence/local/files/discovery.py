"""Search for a model's files on this machine, without a request to the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pertinence.local.files.integrity import lacks
from pertinence.local.files.locate import packaged

__all__ = ["Present", "present"]


@dataclass(frozen=True, kw_only=True)
class Present:
    """Location of a model's files on this machine.

    Attributes:
        place: kind of location: an installed package, a folder under the working directory, or the hub's
            cache.
        folder: folder that contains the files.
        lacks: description of what is missing; None if nothing is.
    """

    place: Literal["package", "folder", "cache"]
    folder: Path
    lacks: str | None


def present(name: str, cache_folder: str | None = None, revision: str | None = None) -> Present | None:
    """Return where `Reranker(name)` would find its files without a connection; None if it would not.

    Args:
        name: a model's full name.
        cache_folder: folder for downloads; None is the hub's own cache.
        revision: branch, tag or commit; None is the main branch.
    """
    folder = Path(name)
    if folder.is_dir():
        return Present(place="folder", folder=folder, lacks=lacks(name, folder))
    brought = packaged(name)
    if brought is not None:
        return Present(place="package", folder=brought, lacks=lacks(name, brought))
    from huggingface_hub import try_to_load_from_cache

    # No model can be loaded without this file, and a download fetches it first.
    config = try_to_load_from_cache(name, "config.json", cache_dir=cache_folder, revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return Present(place="cache", folder=folder, lacks=lacks(name, folder))
