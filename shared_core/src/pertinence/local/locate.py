"""Where a model's files are: a folder, an installed package, the hub's cache, or the hub."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

from pertinence.errors import ModelNotFoundError
from pertinence.options import Options

__all__ = ["DEFAULT_MODEL", "locate", "model_key"]

DEFAULT_MODEL = "pertinence-mini"
_ENTRY_POINTS = "pertinence.models"
# Weights in formats that no backend reads, and copies of the same weights in other precisions.
_NEVER_NEEDED = [
    "*.h5",
    "*.ot",
    "*.msgpack",
    "*.tflite",
    "*.gguf",
    "openvino/*",
    "onnx/*_*.onnx",
    "onnx/*_*.onnx_data",
]
_OLD_WEIGHTS = ["*.bin"]


def model_key(options: Options) -> str:
    """The model's name, or its one true path where it is a folder."""
    if options.model is None:
        return DEFAULT_MODEL
    expanded = os.path.expanduser(options.model)
    return os.path.realpath(expanded) if os.path.isdir(expanded) else options.model


def locate(options: Options) -> tuple[str, Path]:
    """The model's name and the folder of its files, downloaded if that is where they are.

    Raises:
        ModelNotFoundError: it is in none of the places; the message lists them.
    """
    if options.model is None:
        return DEFAULT_MODEL, _packaged(DEFAULT_MODEL) or _no_default()
    folder = Path(options.model).expanduser()
    if folder.is_dir():
        return options.model, folder
    packaged = _packaged(options.model)
    if packaged is not None:
        return options.model, packaged
    if _is_path(options.model):
        raise ModelNotFoundError(f"{options.model} is not a folder")
    return options.model, _from_hub(options.model, options)


def _packaged(name: str) -> Path | None:
    """The folder that an installed package offers under this name."""
    for entry in entry_points(group=_ENTRY_POINTS, name=name):
        return Path(entry.load()())
    return None


def _no_default() -> Path:
    raise ModelNotFoundError(
        f"the embedded default is not installed: pip install {DEFAULT_MODEL}, or name a model"
    )


def _is_path(model: str) -> bool:
    """Whether this can only be meant as a path: the hub's names are `name` or `owner/name`."""
    return model.startswith((".", "~", os.sep)) or model.count("/") > 1 or os.path.isabs(model)


def _from_hub(name: str, options: Options) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def fetch(ignored: list[str]) -> Path:
        return Path(
            snapshot_download(
                name,
                revision=options.revision,
                cache_dir=options.cache_folder,
                token=options.token,
                local_files_only=options.local_files_only,
                ignore_patterns=ignored,
            )
        )

    try:
        folder = fetch(_NEVER_NEEDED + _OLD_WEIGHTS)
        if not any(folder.glob("**/*.safetensors")) and not any(folder.glob("**/*.onnx")):
            folder = fetch(_NEVER_NEEDED)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFoundError(_not_found(name, options)) from error
    return folder


def _not_found(name: str, options: Options) -> str:
    revision = f" at revision {options.revision}" if options.revision else ""
    hub = (
        "not on the hub, where it was not to be looked for" if options.local_files_only else "not on the hub"
    )
    cache = options.cache_folder or "the hub's cache"
    return (
        f"{name}{revision} was not found: not a folder here, not an installed model, not in {cache}, {hub} "
        f"(or the hub could not be reached). With a connection: hf download {name}"
    )
