"""Search for a model's files: in a folder, an installed package, the hub's cache, or the hub."""

from __future__ import annotations

import os
import shlex
from importlib.metadata import entry_points
from pathlib import Path

from pertinence.cards import card_of, full_name, nearest
from pertinence.errors import ModelNotFoundError
from pertinence.options import Options

__all__ = ["DEFAULT_MODEL", "locate", "model_key", "packaged"]

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
# Weights of the network in the old format. Further layers of an embedding model are not in this list,
# because they may exist in this format only.
_OLD_WEIGHTS = ["pytorch_model*.bin", "*Transformer/*.bin", "training_args.bin"]


def model_key(options: Options) -> str:
    """Return the model's full name, or its resolved path if it is a folder."""
    if options.model is None:
        return DEFAULT_MODEL
    expanded = os.path.expanduser(options.model)
    if os.path.isdir(expanded):
        return os.path.realpath(expanded)
    try:
        return full_name(options.model)
    except ModelNotFoundError:  # Reported when the model is searched for, like every error in a name.
        return options.model


def locate(options: Options) -> tuple[str, Path]:
    """Return the model's full name and the folder of its files; download them if necessary.

    Raises:
        ModelNotFoundError: it is in none of the locations, which the message lists; or the name is short for
            several models.
    """
    if options.model is None:
        return DEFAULT_MODEL, packaged(DEFAULT_MODEL) or _no_default()
    folder = Path(options.model).expanduser()
    if folder.is_dir():
        return options.model, folder
    brought = packaged(options.model)
    if brought is not None:
        return options.model, brought
    if _is_path(options.model):
        raise ModelNotFoundError(f"{options.model} is not a folder")
    name = full_name(options.model)
    return name, _from_hub(name, options)


def packaged(name: str) -> Path | None:
    """Return the model folder that an installed package provides under this name; None if none does."""
    for entry in entry_points(group=_ENTRY_POINTS, name=name):
        return Path(entry.load()())
    return None


def _no_default() -> Path:
    raise ModelNotFoundError(
        f"the embedded default is not installed: pip install {DEFAULT_MODEL}, or name a model"
    )


def _is_path(model: str) -> bool:
    """Check whether this can only be a path: names on the hub are `name` or `owner/name`."""
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
        raise ModelNotFoundError(_not_found(name, options, error)) from error
    return folder


def _not_found(name: str, options: Options, error: Exception) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    revision = f" at revision {options.revision}" if options.revision else ""
    if isinstance(error, GatedRepoError):
        hub = "and the hub gives it only to those whose token says that they accepted its terms"
    elif isinstance(error, RevisionNotFoundError):
        hub = "and the hub has it, but not at this revision"
    elif isinstance(error, RepositoryNotFoundError):
        hub = "not on the hub"
    elif options.local_files_only:
        hub = "and the hub was not asked (local_files_only)"
    elif constants.HF_HUB_OFFLINE:
        hub = "and the hub was not asked (HF_HUB_OFFLINE is set)"
    else:
        hub = f"and the hub could not be asked ({type(error).__name__})"
    cache = options.cache_folder or constants.HF_HUB_CACHE
    return (
        f"{name}{revision} was not found: not a folder here, not an installed model, not in {cache}, {hub}."
        f"{_alike(name)} With a connection: {_download(name, options)}"
    )


def _alike(name: str) -> str:
    names = [] if card_of(name) else nearest(name)
    return f" Did you mean {' or '.join(names)}?" if names else ""


def _download(name: str, options: Options) -> str:
    """Return the command that downloads the model to the folder in which it is searched for."""
    words = ["hf", "download", name]
    if options.revision:
        words += ["--revision", options.revision]
    if options.cache_folder:
        words += ["--cache-dir", options.cache_folder]
    return shlex.join(words)
