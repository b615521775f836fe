"""From a name or a folder to an `EmbedderSpec`: a sentence-transformers model, as its modules describe it.

Nothing here imports a runtime: it reads JSON, looks at file names, and asks the hub if need be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pertinence.errors import MissingExtraError, ModelError, OptionError
from pertinence.local.loading import ModelSpec, torch_installed
from pertinence.local.locate import locate
from pertinence.local.settings import read_json, read_object, usable_positions, wants_token_types
from pertinence.options import Options

__all__ = ["EmbedderSpec", "resolve"]

_CHAINS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
# Names under which releases of sentence-transformers have saved the settings of a Transformer.
_FAMILIES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
# Settings of a Transformer that change what it reads in ways that are not taken.
_UNTAKEN = (
    "processing_kwargs",
    "processor_kwargs",
    "tokenizer_args",
    "tokenizer_name_or_path",
    "query_length",
    "document_length",
    "query_expansion",
)
_LEGACY_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec(ModelSpec):
    """A model that reads one text and gives one vector.

    Attributes:
        transformer: the folder of its network and its tokenizer, `folder` itself or one in it.
        dims: numbers per vector, before any cut.
        truncate_dim: how many of them its own settings keep; None keeps all.
        pooling: how token vectors become one, by sentence-transformers' names; several are
            concatenated.
        normalised: vectors have length 1.
        prompts: by the role of a text, `query` or `document`, what stands before it.
        lowercase: texts are lowercased, whatever the tokenizer does.
    """

    transformer: Path
    dims: int
    truncate_dim: int | None
    pooling: tuple[str, ...]
    normalised: bool
    prompts: Mapping[str, str]
    lowercase: bool

    @property
    def tokenizer(self) -> Path:
        """The file of its tokenizer."""
        return self.transformer / "tokenizer.json"


def resolve(options: Options) -> EmbedderSpec:
    """Find the embedding model that `options` names and decide how it runs.

    Raises:
        ModelNotFoundError: it is nowhere; the message lists the places.
        ModelError: what was found is no sentence-transformers embedding model, lacks a file, or has a
            part that is not taken.
        MissingExtraError: the torch backend is not installed.
        OptionError: an option asks for a backend that does not run embedding models.
    """
    if options.backend not in ("auto", "torch"):
        raise OptionError(
            f"backend={options.backend!r} does not run embedding models yet: they take 'torch' or 'auto'"
        )
    if options.dtype == "int8":
        raise OptionError("dtype='int8' does not run embedding models yet")
    name, folder = locate(options)
    saved = read_object(folder / "config_sentence_transformers.json") or {}
    kind = saved.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise ModelError(f"{name} is not an embedding model: it was saved as a {kind}")
    paths = _module_paths(name, folder)
    transformer = folder / paths["Transformer"]
    config = _required(name, transformer / "config.json")
    if not (transformer / "tokenizer.json").is_file():
        raise ModelError(f"{name}: {transformer} holds no tokenizer.json, the file of a fast tokenizer")
    settings = _transformer_settings(name, transformer)
    pooling, dims = _pooling(name, folder / paths["Pooling"] / "config.json")
    if not torch_installed():
        raise MissingExtraError.of(f"{name} (an embedding model)", "torch")
    tokenizer = read_object(transformer / "tokenizer_config.json") or {}
    pad_id = int(config.get("pad_token_id") or 0)
    positions = usable_positions(config, pad_id)
    declared = settings.get("max_seq_length") or tokenizer.get("model_max_length") or positions
    return EmbedderSpec(
        name=name,
        folder=folder,
        config=config,
        backend="torch",
        dtype="float32" if options.dtype == "auto" else options.dtype,
        device=options.device,
        why="the backend of embedding models",
        files={},
        max_length=min(positions, int(declared)),
        positions=positions,
        pad_id=pad_id,
        token_types=wants_token_types(tokenizer, config),
        cut_left=tokenizer.get("truncation_side") == "left",
        int8_weights=False,
        options=options,
        transformer=transformer,
        dims=dims,
        truncate_dim=saved.get("truncate_dim"),
        pooling=pooling,
        normalised="Normalize" in paths,
        prompts=_prompts(saved),
        lowercase=bool(settings.get("do_lower_case")),
    )


def _module_paths(name: str, folder: Path) -> dict[str, str]:
    """Where each module's files are, relative to `folder`, by the name of the module's class."""
    modules = read_json(folder / "modules.json")
    if modules is None:
        raise ModelError(
            f"{name} is not a sentence-transformers model: {folder} holds no modules.json, and without it "
            "nothing says how tokens become one vector"
        )
    try:
        types = [str(module["type"]) for module in modules]
        paths = [str(module["path"]) for module in modules]
    except (TypeError, KeyError) as error:
        raise ModelError(f"{name}: modules.json is not a list of modules with type and path") from error
    kinds = [each.rpartition(".")[2] if each.startswith("sentence_transformers.") else each for each in types]
    if kinds not in _CHAINS:
        odd = [each for each in kinds if each not in _CHAINS[-1]]
        told = f"its module {odd[0]} is not taken" if odd else f"its modules are {', '.join(kinds) or 'none'}"
        raise ModelError(
            f"{name}: {told}; an embedding model is a Transformer, a Pooling and perhaps a Normalize"
        )
    return dict(zip(kinds, paths, strict=True))


def _transformer_settings(name: str, folder: Path) -> Mapping[str, Any]:
    found = (read_object(folder / f"sentence_{family}_config.json") for family in _FAMILIES)
    settings: Mapping[str, Any] = next((each for each in found if each), {})
    for key in _UNTAKEN:
        if settings.get(key):
            raise ModelError(f"{name}: the setting {key} of its Transformer is not taken")
    if settings.get("transformer_task", "feature-extraction") != "feature-extraction":
        raise ModelError(f"{name}: a Transformer for {settings['transformer_task']} is not taken")
    modalities: Sequence[str] = list(settings.get("modality_config") or ["text"])
    if "text" not in modalities or "message" in modalities:
        raise ModelError(
            f"{name}: a Transformer that reads {', '.join(modalities)} is not taken; it reads text"
        )
    return settings


def _pooling(name: str, path: Path) -> tuple[tuple[str, ...], int]:
    """The pooling modes, and the numbers per vector that come of them."""
    config = _required(name, path)
    if not config.get("include_prompt", True):
        raise ModelError(f"{name}: a Pooling that leaves prompts out (include_prompt) is not taken")
    modes = config.get("pooling_mode") or [mode for key, mode in _LEGACY_MODES.items() if config.get(key)]
    modes = (modes,) if isinstance(modes, str) else tuple(modes) or ("mean",)
    for mode in modes:
        if mode not in _LEGACY_MODES.values():
            raise ModelError(f"{name}: the pooling {mode!r} is not known")
    width = config.get("embedding_dimension") or config.get("word_embedding_dimension")
    if not isinstance(width, int) or width <= 0:
        raise ModelError(f"{name}: {path} does not say how wide token vectors are")
    return modes, len(modes) * width


def _prompts(saved: Mapping[str, Any]) -> dict[str, str]:
    """What `encode_query` and `encode_document` of sentence-transformers would put before a text."""
    # It takes a document's prompt by no other name ("passage", "corpus"): its own defaults hide them.
    prompts = saved.get("prompts") or {}
    return {role: str(prompts.get(role) or "") for role in ("query", "document")}


def _required(name: str, path: Path) -> Mapping[str, Any]:
    content = read_object(path)
    if content is None:
        raise ModelError(f"{name}: {path} is missing")
    return content
