"""A model's folder in another form: network, settings, tokenizer and what describes it, without torch."""

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

# What the core and sentence-transformers read beside the weights.
_SETTINGS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "modules.json",
)
# What licences ask to go along.
_DESCRIPTIONS = ("README*", "LICENSE*", "NOTICE*")


def export_folder(
    options: Options,
    target: Path,
    *,
    to: Literal["onnx", "openvino"],
    dtype: Dtype,
    calibration: Sequence[tuple[str, str]],
) -> None:
    """Fill the empty folder `target` with the model that `options` name, as `to` is to run it in `dtype`.

    It is the very network that the model would be run with here, so a verdict on one holds for the other.

    Args:
        options: the model, and how it is found.
        target: an empty folder.
        to: the backend that is to run it.
        dtype: the precision it is to be computed in.
        calibration: pairs of question and passage, for forms that need the ranges of activations; none
            of those written now does.

    Raises:
        ModelError: it cannot be found or converted.
        MissingExtraError: what converts it is not installed.
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
        # Such a network reads its weights from the file of the torch model.
        shutil.copyfile(spec.folder / WEIGHTS, target / WEIGHTS)
    else:
        config.pop("pertinence", None)
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for name in (*_SETTINGS, *_DESCRIPTIONS):
        for file in spec.folder.glob(name):
            if file.is_file():
                shutil.copyfile(file, target / file.name)
