"""Translation of checkpoints that are older than transformers' own support for their architecture.

Their settings are translated. Their weights stay unchanged, because transformers renames those itself. So
the code that such a checkpoint names is never downloaded or run.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pertinence.errors import ModelError

__all__ = ["folder_with", "native_config"]

# Settings of the legacy GTE code that have other names in transformers' class, or do not exist there.
_GTE_LEGACY = frozenset(
    {
        "auto_map",
        "layer_norm_type",
        "logn_attention_clip1",
        "logn_attention_scale",
        "pack_qkv",
        "position_embedding_type",
        "rope_scaling",
        "rope_theta",
        "unpad_inputs",
        "use_memory_efficient_attention",
    }
)
# Values that these settings need for transformers' class to compute the same. They are also the defaults.
_GTE_FIXED: Mapping[str, Any] = {
    "layer_norm_type": "layer_norm",
    "logn_attention_scale": False,
    "pack_qkv": True,
    "position_embedding_type": "rope",
}


def native_config(name: str, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the settings with which transformers loads this checkpoint; None if its own settings work.

    Raises:
        ModelError: it is in a legacy form with a setting that has no counterpart; the message names it.
    """
    return _gte(name, config) if config.get("model_type") == "new" else None


@contextmanager
def folder_with(config: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Yield a temporary folder with this `config.json` and the other files of `folder`, except code."""
    with tempfile.TemporaryDirectory(prefix="pertinence-") as made:
        for file in folder.iterdir():
            # Leave out code that is part of the checkpoint: nothing here asks for it.
            if file.name != "config.json" and file.suffix != ".py":
                _show(file.resolve(), Path(made) / file.name)
        (Path(made) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        yield Path(made)


def _show(file: Path, place: Path) -> None:
    try:
        place.symlink_to(file, target_is_directory=file.is_dir())
    except OSError:  # On Windows, creating links needs a special permission.
        (shutil.copytree if file.is_dir() else shutil.copyfile)(file, place)


def _gte(name: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    for setting, needed in _GTE_FIXED.items():
        if config.get(setting, needed) != needed:
            raise ModelError(
                f"{name} is a GTE model in legacy form with {setting}={config[setting]!r}, and "
                f"transformers' own class knows {needed!r} alone; trust_remote_code=True runs its code"
            )
    kept = {key: value for key, value in config.items() if key not in _GTE_LEGACY}
    architectures = [str(each).replace("New", "Gte", 1) for each in config.get("architectures") or ()]
    return {
        **kept,
        "model_type": "gte",
        "architectures": architectures,
        "rope_parameters": _gte_rope(name, config),
    }


def _gte_rope(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the rotary embedding that the legacy code computes.

    Its NTK scaling by f multiplies the base by f and also divides every frequency by f ** (2 / dims of a
    head), equation 6 of https://kexue.fm/archives/9706. The division alone is called linear scaling.
    """
    theta = float(config.get("rope_theta", 10_000.0))
    scaling = config.get("rope_scaling")
    if not scaling:
        return {"rope_type": "default", "rope_theta": theta}
    if scaling.get("type", scaling.get("rope_type")) != "ntk" or scaling.get("mixed_b") is not None:
        raise ModelError(f"{name} is a GTE model in legacy form whose rope_scaling is not known: {scaling}")
    factor = float(scaling["factor"])
    dims = int(config["hidden_size"]) // int(config["num_attention_heads"])
    return {"rope_type": "linear", "rope_theta": theta * factor, "factor": factor ** (2 / dims)}
