"""A model's folder in another form: network, settings, tokenizer and what describes it, without torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from pertinence.errors import OptionError
from pertinence.local.loading import resolve
from pertinence.local.settings import read_object
from pertinence.options import Options

__all__ = ["copy_settings", "export_folder"]

# What the core and sentence-transformers read beside the weights, and what the licence asks to go along.
_SETTINGS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "modules.json",
)
_DESCRIPTIONS = ("README*", "LICENSE*", "NOTICE*")


def export_folder(
    options: Options, target: Path, *, to: str, dtype: str, calibration: Sequence[tuple[str, str]]
) -> None:
    """Fill the empty folder `target` with the model that `options` name, as an ONNX file in float32.

    Args:
        options: the model, and how it is found.
        target: an empty folder.
        to: the backend that is to run it.
        dtype: the precision it is to be computed in.
        calibration: pairs of question and passage, for precisions that need ranges of activations.

    Raises:
        ModelError: it cannot be found or converted.
        OptionError: a backend or precision that it cannot be written for.
    """
    if (to, dtype) != ("onnx", "float32"):
        raise OptionError(f"a model cannot be written for {to} in {dtype}")
    from pertinence.local.export import export_onnx, load_eager

    spec = resolve(options)
    export_onnx(load_eager(spec), target / "model.onnx", spec)
    copy_settings(spec.folder, target)


def copy_settings(source: Path, target: Path) -> None:
    """Copy all but the weights of a model's folder.

    What its config says of the way its own weights are stored does not hold for those of the new folder.
    """
    for name in (*_SETTINGS, *_DESCRIPTIONS):
        for file in source.glob(name):
            if file.is_file():
                shutil.copyfile(file, target / file.name)
    config = dict(read_object(source / "config.json") or {})
    config.pop("pertinence", None)
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
