"""Export of a model's folder in another format, without torch.

The exported folder holds the network, settings, tokenizer and descriptions.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pertinence.local.files.settings import read_object
from pertinence.local.files.weights import WEIGHTS
from pertinence.local.runtimes.conversion.networks import network_file
from pertinence.local.selection.choice import Dtype
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options

__all__ = ["export_folder"]

# Files besides the weights that this library and sentence-transformers read.
_SETTINGS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "modules.json",
)
# Files that licenses require to be included.
_DESCRIPTIONS = ("README*", "LICENSE*", "NOTICE*")


def export_folder(
    options: Options,
    target: Path,
    *,
    to: Literal["onnx", "openvino"],
    dtype: Dtype,
    calibration: Sequence[tuple[str, str]],
) -> None:
    """Fill the empty folder `target` with the model that `options` name, for the backend `to` in `dtype`.

    The network is the same file that this library would run here, so a gate verdict on one holds for the
    other.

    Args:
        options: options that name the model.
        target: an empty folder.
        to: backend that will run the model.
        dtype: precision that the model will be computed in.
        calibration: pairs of question and passage, for formats that need the ranges of activations. None of
            the current formats needs them.

    Raises:
        ModelError: the model cannot be found or converted.
        MissingExtraError: a package that the conversion needs is not installed.
        OptionError: the backend does not compute in this precision.
    """
    spec = resolve(options.with_(backend=to, dtype=dtype))
    network = network_file(spec, to, dtype)
    own = network.is_relative_to(spec.folder)
    for file in (*network.parent.glob(f"{network.name}*"), network.with_suffix(".bin")):
        if file.is_file():
            shutil.copyfile(file, target / file.name)
    config = dict(read_object(spec.folder / "config.json") or {})
    if own and spec.int8_weights:
        # This network reads its weights from the torch model's file.
        shutil.copyfile(spec.folder / WEIGHTS, target / WEIGHTS)
    else:
        config.pop("pertinence", None)
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for name in (*_SETTINGS, *_DESCRIPTIONS):
        for file in spec.folder.glob(name):
            if file.is_file():
                shutil.copyfile(file, target / file.name)
