"""From a name, a folder or nothing to a `ModelSpec`: which files, what shape, which backend and why.

Nothing here imports a runtime: it reads JSON, looks at file names, and asks the hub if need be.
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
from pertinence.local.machine.precisions import Computed
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
# Names under which exporters write a network, by what reads it and the precision it holds.
_FILES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("onnx", "float32"): ("model.onnx", "onnx/model.onnx"),
    ("onnx", "int8"): ("model_int8.onnx",),
    ("openvino", "float32"): ("openvino_model.xml", "openvino/openvino_model.xml"),
    ("openvino", "int8"): ("openvino_model_int8.xml",),
}


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What any room here needs to know of a model; each kind of model adds what is its own.

    Attributes:
        name: the model as its user named it.
        folder: where its files are.
        config: its `config.json`, translated where transformers knows the model under other settings.
        backend: what runs it.
        dtype: the precision it is computed in.
        device: the device that was asked for.
        why: one sentence on the choice of backend and precision.
        computed: what the backend computes in here where `dtype` is asked for. Known from the kind of
            processor at first, and from the runtime once it has loaded the model.
        files: the networks that it brings, by the backend that reads them and the precision they hold.
        max_length: tokens of what it reads, special tokens included, when the user names no other limit.
        positions: the most tokens that the model can read.
        pad_id: token id of padding.
        token_types: the model is told which tokens are the text's (BERT, ELECTRA, DeBERTa).
        cut_left: texts are cut at their beginning.
        int8_weights: the weights are stored in int8 and dequantised when the model is loaded.
        options: what was asked for.
        translated: `config` is not what the folder's `config.json` says.
        card: what is promised of it, if its name is on a card.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    backend: Backend
    dtype: Dtype
    device: str
    why: str
    computed: Computed
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
        """The file of its tokenizer."""
        return self.folder / "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class RerankerSpec(ModelSpec):
    """A model that reads query and text together.

    Attributes:
        num_labels: 1 or 2.
        positive: which of them means relevance.
        activation: what the model's own settings make of what it gives.
        prompt: what the model's own settings put before every query.
    """

    num_labels: int
    positive: int
    activation: Activation
    prompt: str


def resolve(options: Options) -> RerankerSpec:
    """Find the reranker that `options` names and decide how it runs.

    Raises:
        ModelNotFoundError: it is nowhere; the message lists the places.
        ModelError: what was found is not a reranker, or lacks a file.
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
    # Who asks for a model's own code gets it: nothing is translated then.
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
    """What is faster than float32 and could run the reranker that `options` name, where it would run.

    Raises:
        ModelNotFoundError: it is nowhere.
    """
    _, folder = locate(options)
    possible = _possible(folder, options)
    if on_card(options, possible):
        return [pair for pair in LOWER_PRECISIONS_ON_CARD if possible.why_not(*pair) is None]
    return [pair for pair in LOWER_PRECISIONS if possible.worth_judging(*pair)]


def pointless_precisions(options: Options) -> dict[tuple[Backend, Dtype], str]:
    """Forms that could run here and are not worth judging, each with the reason.

    On this processor they are computed in another precision, or more slowly than float32.

    Raises:
        ModelNotFoundError: the model that `options` name is nowhere.
    """
    _, folder = locate(options)
    possible = _possible(folder, options)
    if on_card(options, possible):
        return {}
    able = [pair for pair in LOWER_PRECISIONS if possible.why_not(*pair) is None]
    return {pair: possible.computes(*pair).why for pair in able if not possible.worth_judging(*pair)}


def exact_backends(options: Options) -> list[Backend]:
    """Backends that could run the reranker that `options` name in float32 on the CPU.

    Raises:
        ModelNotFoundError: it is nowhere.
    """
    _, folder = locate(options)
    possible = _possible(folder, options)
    return [backend for backend in EXACT_BACKENDS if possible.why_not(backend, "float32") is None]


def torch_installed() -> bool:
    """Whether the torch backend could be opened, without importing it."""
    return {"torch", "sentence_transformers"} <= installed()


def own_networks(folder: Path) -> dict[tuple[str, str], Path]:
    """The networks that a folder brings, by the backend that reads them and the precision they hold."""
    files = ((kind, folder / name) for kind, names in _FILES.items() for name in names)
    # The first of several names counts, so that one goes in last.
    return dict(reversed([(kind, file) for kind, file in files if file.is_file()]))


def installed() -> frozenset[str]:
    """The import names of what is installed, of what a choice of backend depends on."""
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
    """What the model's card says, or else its files."""
    if promised is not None:
        return min(promised.max_length, positions)
    sentence_config = read_object(folder / "sentence_bert_config.json") or {}
    declared = (tokenizer.get("model_max_length"), sentence_config.get("max_seq_length"))
    return min([positions, *(int(limit) for limit in declared if limit)])


def _saved_settings(folder: Path) -> Mapping[str, Any]:
    """What sentence-transformers saved beside a cross-encoder, where it would read it itself."""
    saved = read_object(folder / "config_sentence_transformers.json") or {}
    whole = (folder / "modules.json").is_file() and saved.get("model_type") == "CrossEncoder"
    return saved if whole else {}


def _prompt(saved: Mapping[str, Any]) -> str:
    return str((saved.get("prompts") or {}).get(saved.get("default_prompt_name")) or "")


def _activation(saved: Mapping[str, Any], config: Mapping[str, Any], labels: int) -> Activation:
    """What sentence-transformers would apply, by its own order of places to look."""
    declared = (
        saved.get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or (".Sigmoid" if labels == 1 else ".Identity")
    )
    return "identity" if str(declared).endswith(".Identity") else "sigmoid"
