"""Spec of a reranker, built from a name, a folder or the default: its files, settings, backend and precision.

Nothing here imports a runtime. The functions read JSON, look at file names, and contact the hub if necessary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pertinence.cards import Card, card_named
from pertinence.errors import ModelError
from pertinence.local.files.integrity import check_whole
from pertinence.local.files.legacy import native_config
from pertinence.local.files.locate import DEFAULT_MODEL, locate
from pertinence.local.files.settings import (
    count_labels,
    positive_label,
    read_json,
    read_object,
    usable_positions,
    wants_token_types,
)
from pertinence.local.machine.devices import accelerator
from pertinence.local.machine.precisions import EffectivePrecision
from pertinence.local.machine.processor import card, processor
from pertinence.local.selection import speeds, verdicts
from pertinence.local.selection.choice import (
    EXACT_BACKENDS,
    LOWER_PRECISIONS,
    LOWER_PRECISIONS_ON_CARD,
    Backend,
    Dtype,
    Possible,
    choose,
    on_card,
)
from pertinence.options import Options

__all__ = [
    "DEFAULT_MODEL",
    "ModelSpec",
    "RerankerSpec",
    "exact_backends",
    "installed",
    "lower_precisions",
    "own_networks",
    "pointless_precisions",
    "resolve",
    "torch_installed",
]

Activation = Literal["sigmoid", "identity"]
# File names under which exporters write a network, by the backend that reads it and by its precision.
_FILES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("onnx", "float32"): ("model.onnx", "onnx/model.onnx"),
    ("onnx", "int8"): ("model_int8.onnx",),
    ("openvino", "float32"): ("openvino_model.xml", "openvino/openvino_model.xml"),
    ("openvino", "int8"): ("openvino_model_int8.xml",),
}


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Spec of a model, with the fields that every kind of model has. Subclasses add their own.

    Attributes:
        name: full name of the model, or its folder as the user named it.
        folder: folder that contains its files.
        config: its `config.json`, translated if transformers loads the model with other settings.
        backend: backend that runs it.
        dtype: precision that was chosen for it.
        device: device that the options name.
        why: one sentence on the choice of backend and precision.
        computed: precision that the backend really computes in here for this `dtype`. It is predicted from
            the kind of processor at first, and reported by the runtime once it has loaded the model.
        files: exported networks of the model, by the backend that reads them and by their precision.
        max_length: default limit on the number of tokens of its input, including special tokens.
        positions: largest number of tokens that the model can read.
        pad_id: token id of padding.
        token_types: True if the model takes token types, which mark the text's tokens (BERT, ELECTRA,
            DeBERTa).
        cut_left: True if texts are cut at their beginning.
        int8_weights: True if the weights are stored in int8 and dequantized when the model is loaded.
        options: options of the user.
        translated: True if `config` differs from the folder's `config.json`.
        card: model card with its name, if there is one.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    backend: Backend
    dtype: Dtype
    device: str
    why: str
    computed: EffectivePrecision
    files: Mapping[tuple[str, str], Path]
    max_length: int
    positions: int
    pad_id: int
    token_types: bool
    cut_left: bool
    int8_weights: bool
    options: Options
    translated: bool = False
    card: Card | None = None

    @property
    def tokenizer(self) -> Path:
        """Path of its tokenizer file."""
        return self.folder / "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class RerankerSpec(ModelSpec):
    """Spec of a model that reads query and text together.

    Attributes:
        num_labels: number of labels, 1 or 2.
        positive: index of the label that means relevance.
        activation: function that the model's own settings apply to its output.
        prompt: text that the model's own settings put before every query.
    """

    num_labels: int
    positive: int
    activation: Activation
    prompt: str


def resolve(options: Options) -> RerankerSpec:
    """Find the reranker that `options` names and decide how it runs.

    Raises:
        ModelNotFoundError: it was not found; the message lists the locations searched.
        ModelError: the model is not a reranker, or lacks a file.
        MissingExtraError: it can only run on a backend that is not installed.
        OptionError: backend, device and dtype contradict each other.
    """
    name, folder = locate(options)
    config = read_object(folder / "config.json")
    if config is None:
        raise ModelError(f"{name}: {folder} holds no config.json")
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(
            f"{name}: {folder} holds no tokenizer.json, the file of a fast tokenizer; to write one: "
            "transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        )
    # With trust_remote_code, the model's own code runs, so nothing is translated.
    native = None if options.trust_remote_code else native_config(name, config)
    config = dict(native or config)
    _check_architecture(name, folder, config)
    labels = count_labels(name, config)
    possible = _possible(folder, options)
    check_whole(name, folder, possible.files, labels)
    choice = choose(name, options, possible)
    promised = card_named(name)
    tokenizer = read_object(folder / "tokenizer_config.json") or {}
    saved = _saved_settings(folder)
    pad_id = int(config.get("pad_token_id") or 0)
    positions = usable_positions(config, pad_id)
    return RerankerSpec(
        name=name,
        folder=folder,
        config=config,
        backend=choice.backend,
        dtype=choice.dtype,
        device=options.device,
        why=choice.why,
        computed=choice.computed,
        files=possible.files,
        max_length=_max_length(folder, tokenizer, positions, promised),
        positions=positions,
        num_labels=labels,
        positive=positive_label(config, labels),
        activation=_activation(saved, config, labels),
        prompt=_prompt(saved),
        pad_id=pad_id,
        token_types=wants_token_types(tokenizer, config),
        cut_left=tokenizer.get("truncation_side") == "left",
        int8_weights=config.get("pertinence", {}).get("stored_weights") == "int8",
        options=options,
        translated=native is not None,
        card=promised,
    )


def lower_precisions(options: Options) -> list[tuple[Backend, Dtype]]:
    """Return the faster backends and precisions that can run the reranker in `options` on its device.

    Raises:
        ModelNotFoundError: the reranker was not found.
    """
    _, folder = locate(options)
    possible = _possible(folder, options)
    if on_card(options, possible):
        return [pair for pair in LOWER_PRECISIONS_ON_CARD if possible.why_not(*pair) is None]
    return [pair for pair in LOWER_PRECISIONS if possible.worth_judging(*pair)]


def pointless_precisions(options: Options) -> dict[tuple[Backend, Dtype], str]:
    """Return backends and precisions that can run here but are not worth judging, each with the reason.

    On this processor they compute in another precision, or more slowly than float32. The result is empty if
    the model runs on a GPU.

    Raises:
        ModelNotFoundError: the model that `options` name was not found.
    """
    _, folder = locate(options)
    possible = _possible(folder, options)
    if on_card(options, possible):
        return {}
    able = [pair for pair in LOWER_PRECISIONS if possible.why_not(*pair) is None]
    return {pair: possible.computes(*pair).why for pair in able if not possible.worth_judging(*pair)}


def exact_backends(options: Options) -> list[Backend]:
    """Return the backends that can run the reranker in `options` in float32 on the CPU.

    Raises:
        ModelNotFoundError: the reranker was not found.
    """
    _, folder = locate(options)
    possible = _possible(folder, options)
    return [backend for backend in EXACT_BACKENDS if possible.why_not(backend, "float32") is None]


def torch_installed() -> bool:
    """Check whether the torch backend is installed, without importing it."""
    return {"torch", "sentence_transformers"} <= installed()


def own_networks(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the exported networks in a folder, by the backend that reads them and by their precision."""
    files = ((kind, folder / name) for kind, names in _FILES.items() for name in names)
    # If several names exist, the first one is used, so it is inserted last.
    return dict(reversed([(kind, file) for kind, file in files if file.is_file()]))


def installed() -> frozenset[str]:
    """Return the import names of the installed packages that the choice of a backend depends on."""
    names = ("torch", "sentence_transformers", "openvino", "onnx", "onnxscript")
    return frozenset(name for name in names if find_spec(name) is not None)


def _possible(folder: Path, options: Options) -> Possible:
    return Possible(
        files=own_networks(folder),
        packages=installed(),
        accelerator=accelerator(),
        passed=verdicts.passed(folder, options.cache_folder) if options.dtype == "auto" else (),
        passed_on_card=_passed_on_card(folder, options) if options.dtype == "auto" else (),
        processor=processor(),
        speeds=speeds.measured(folder, options.cache_folder) if options.backend == "auto" else {},
    )


def _passed_on_card(folder: Path, options: Options) -> list[verdicts.Verdict]:
    here = card()
    return [] if here is None else verdicts.passed(folder, options.cache_folder, here)


def _check_architecture(name: str, folder: Path, config: Mapping[str, Any]) -> None:
    architectures = config.get("architectures")
    if not architectures:
        raise ModelError(f"{name}: {folder}/config.json names no architecture, so nothing says what it is")
    if _reads_chats(folder):
        raise ModelError(
            f"{name} is a language model that answers in words, of which sentence-transformers makes a score "
            "(LogitScore): it reads a conversation, not a pair, and is not run on this machine; a server can "
            "run it, see base_url"
        )
    if not str(architectures[0]).endswith("ForSequenceClassification"):
        raise ModelError(
            f"{name} is not a cross-encoder: its architecture is {architectures[0]}, "
            "and a reranker is a ...ForSequenceClassification"
        )


def _reads_chats(folder: Path) -> bool:
    modules = read_json(folder / "modules.json")
    kinds = [each.get("type") for each in modules if isinstance(each, dict)] if modules else []
    return any(str(kind).endswith(".LogitScore") for kind in kinds)


def _max_length(folder: Path, tokenizer: Mapping[str, Any], positions: int, promised: Card | None) -> int:
    """Return the limit from the model card, or from the model's files if it has no card."""
    if promised is not None:
        return min(promised.max_length, positions)
    sentence_config = read_object(folder / "sentence_bert_config.json") or {}
    declared = (tokenizer.get("model_max_length"), sentence_config.get("max_seq_length"))
    return min([positions, *(int(limit) for limit in declared if limit)])


def _saved_settings(folder: Path) -> Mapping[str, Any]:
    """Return the settings that sentence-transformers saved with a cross-encoder, if it would read them."""
    saved = read_object(folder / "config_sentence_transformers.json") or {}
    whole = (folder / "modules.json").is_file() and saved.get("model_type") == "CrossEncoder"
    return saved if whole else {}


def _prompt(saved: Mapping[str, Any]) -> str:
    return str((saved.get("prompts") or {}).get(saved.get("default_prompt_name")) or "")


def _activation(saved: Mapping[str, Any], config: Mapping[str, Any], labels: int) -> Activation:
    """Return the activation that sentence-transformers would apply; the search order is the same as there."""
    declared = (
        saved.get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or (".Sigmoid" if labels == 1 else ".Identity")
    )
    return "identity" if str(declared).endswith(".Identity") else "sigmoid"
