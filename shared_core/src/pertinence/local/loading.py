"""From a name, a folder or nothing to a `ModelSpec`: which files, what shape, which backend and why.

Nothing here imports a runtime: it reads JSON, looks at file names, and asks the hub if need be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pertinence.errors import MissingExtraError, ModelError, OptionError
from pertinence.local.locate import DEFAULT_MODEL, locate
from pertinence.local.settings import read_object, usable_positions, wants_token_types
from pertinence.options import Options

__all__ = ["DEFAULT_MODEL", "ModelSpec", "RerankerSpec", "resolve", "torch_installed"]

Activation = Literal["sigmoid", "identity"]
_ONNX_FILES = ("model.onnx", "onnx/model.onnx")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What any room here needs to know of a model; each kind of model adds what is its own.

    Attributes:
        name: the model as its user named it.
        folder: where its files are.
        config: its `config.json`.
        backend: `torch` or `onnx`.
        dtype: the precision it is computed in.
        device: the device that was asked for.
        why: one sentence on the choice of backend and precision.
        onnx: its ONNX file, if it brings one.
        max_length: tokens of what it reads, special tokens included, when the user names no other limit.
        positions: the most tokens that the model can read.
        pad_id: token id of padding.
        token_types: the model is told which tokens are the text's (BERT, ELECTRA, DeBERTa).
        cut_left: texts are cut at their beginning.
        int8_weights: the weights are stored in int8 and dequantised when the model is loaded.
        options: what was asked for.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    backend: Literal["torch", "onnx"]
    dtype: Literal["float32", "bfloat16", "float16"]
    device: str
    why: str
    onnx: Path | None
    max_length: int
    positions: int
    pad_id: int
    token_types: bool
    cut_left: bool
    int8_weights: bool
    options: Options

    @property
    def tokenizer(self) -> Path:
        """The file of its tokenizer."""
        return self.folder / "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class RerankerSpec(ModelSpec):
    """A model that reads query and text together.

    Attributes:
        num_labels: 1, or 2 where the second label is the positive one.
        activation: what the model's own settings make of a logit.
        prompt: what the model's own settings put before every query.
    """

    num_labels: int
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
        raise ModelError(f"{name}: {folder} holds no tokenizer.json, the file of a fast tokenizer")
    _check_architecture(name, config)
    onnx = next((folder / file for file in _ONNX_FILES if (folder / file).is_file()), None)
    backend, why = _choose_backend(name, options, onnx)
    tokenizer = read_object(folder / "tokenizer_config.json") or {}
    saved = _saved_settings(folder)
    pad_id = int(config.get("pad_token_id") or 0)
    positions = usable_positions(config, pad_id)
    return RerankerSpec(
        name=name,
        folder=folder,
        config=config,
        backend=backend,
        dtype="float32" if options.dtype == "auto" else options.dtype,
        device=options.device,
        why=why,
        onnx=onnx,
        max_length=_max_length(folder, tokenizer, positions),
        positions=positions,
        num_labels=_num_labels(name, config),
        activation=_activation(saved, config),
        prompt=_prompt(saved),
        pad_id=pad_id,
        token_types=wants_token_types(tokenizer, config),
        cut_left=tokenizer.get("truncation_side") == "left",
        int8_weights=config.get("pertinence", {}).get("stored_weights") == "int8",
        options=options,
    )


def torch_installed() -> bool:
    """Whether the torch backend could be opened, without importing it."""
    return find_spec("torch") is not None and find_spec("sentence_transformers") is not None


def _choose_backend(name: str, options: Options, onnx: Path | None) -> tuple[Literal["torch", "onnx"], str]:
    needs_torch = _torch_only(options)
    if options.backend == "onnx":
        if needs_torch:
            raise OptionError(f"backend='onnx' runs float32 on the CPU; it does not take {needs_torch}")
        return "onnx", "asked for; float32 is the precision of the onnx backend"
    if options.backend == "auto" and not needs_torch and onnx is not None:
        return "onnx", f"{onnx.name} is at hand and onnxruntime runs float32 faster than torch on a CPU"
    if not torch_installed():
        reason = needs_torch or ("backend='torch'" if options.backend == "torch" else "no ONNX file")
        raise MissingExtraError.of(f"{name} ({reason})", "torch")
    if options.backend == "torch":
        return "torch", "asked for"
    return "torch", f"{needs_torch} asks for it" if needs_torch else "the model brings no ONNX file"


def _torch_only(options: Options) -> str:
    """The option that only the torch backend can honour, or nothing."""
    if options.device not in ("auto", "cpu"):
        return f"device={options.device!r}"
    if options.dtype not in ("auto", "float32"):
        return f"dtype={options.dtype!r}"
    if options.trust_remote_code:
        return "trust_remote_code=True"
    return "model_kwargs" if options.model_kwargs else ""


def _check_architecture(name: str, config: Mapping[str, Any]) -> None:
    architectures = config.get("architectures") or ["none"]
    if not str(architectures[0]).endswith("ForSequenceClassification"):
        raise ModelError(
            f"{name} is not a cross-encoder: its architecture is {architectures[0]}, "
            "and a reranker is a ...ForSequenceClassification"
        )


def _num_labels(name: str, config: Mapping[str, Any]) -> int:
    labels = config.get("num_labels") or len(config.get("id2label") or (0, 1))
    if labels not in (1, 2):
        raise ModelError(
            f"{name} gives {labels} labels; a reranker gives one, or two of which the last is yes"
        )
    return int(labels)


def _max_length(folder: Path, tokenizer: Mapping[str, Any], positions: int) -> int:
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


def _activation(saved: Mapping[str, Any], config: Mapping[str, Any]) -> Activation:
    """What sentence-transformers would apply, by its own order of places to look."""
    declared = (
        saved.get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or ""
    )
    return "identity" if str(declared).endswith(".Identity") else "sigmoid"
