"""Modules that turn token vectors into one vector, as described in a sentence-transformers folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pertinence.errors import ModelError
from pertinence.local.files.settings import read_json, read_object

__all__ = ["ACTIVATIONS", "Chain", "Dense", "LayerNorm", "Module", "Normalize", "Pooling", "read_chain"]

ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid", "SiLU")
_LEGACY_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_TAKEN = ("Transformer", "Pooling", "Dense", "LayerNorm", "Normalize")
# Names of the setting for the width of token vectors, in different families of transformers.
_WIDTHS = ("hidden_size", "d_model", "dim", "n_embd")


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Pooling of token vectors into one: several modes are concatenated; prompt tokens may be left out."""

    modes: tuple[str, ...]
    width: int
    include_prompt: bool = True

    @property
    def dims(self) -> int:
        """Number of values per vector."""
        return len(self.modes) * self.width


@dataclass(frozen=True, kw_only=True)
class Dense:
    """Linear layer with its weights in `folder`, an activation of torch, and possibly a residual."""

    folder: Path
    inputs: int
    dims: int
    bias: bool
    activation: str
    residual: bool


@dataclass(frozen=True, kw_only=True)
class LayerNorm:
    """Layer norm with its weights in `folder`."""

    folder: Path
    dims: int


@dataclass(frozen=True)
class Normalize:
    """Scaling of vectors to length 1, before further modules."""


Module = Dense | LayerNorm | Normalize


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Modules of a model, in their order.

    Attributes:
        transformer: folder of its network and its tokenizer.
        pooling: pooling of token vectors into one vector.
        further: modules after the pooling, except a Normalize that comes last.
        normalised: True if a Normalize comes last.
        declared: True if the folder declares its modules; a plain transformers folder does not.
    """

    transformer: Path
    pooling: Pooling
    further: tuple[Module, ...] = ()
    normalised: bool = False
    declared: bool = True

    @property
    def dims(self) -> int:
        """Number of values per vector."""
        widths = [module.dims for module in self.further if not isinstance(module, Normalize)]
        return widths[-1] if widths else self.pooling.dims

    @property
    def first_token_read(self) -> bool:
        """True if only the first token vector is read."""
        return self.pooling.modes == ("cls",) and self.pooling.include_prompt


def read_chain(name: str, folder: Path) -> Chain:
    """Read the modules of the model in this folder.

    A folder without `modules.json` is a plain transformers folder. Its token vectors are averaged, or the
    last one is used if the model was made to continue texts, as in sentence-transformers.

    Raises:
        ModelError: a file is missing or cannot be read, or a module or one of its settings is not supported.
    """
    modules = read_json(folder / "modules.json")
    if modules is None:
        return Chain(transformer=folder, pooling=_default_pooling(name, folder), declared=False)
    named = list(_named(name, modules))
    kinds = [kind for kind, _ in named]
    odd = [kind for kind in kinds if kind not in _TAKEN]
    if odd:
        raise ModelError(
            f"{name}: its module {odd[0]} is not taken; known are {', '.join(_TAKEN[:-1])} and {_TAKEN[-1]}"
        )
    if kinds[:2] != ["Transformer", "Pooling"] or {"Transformer", "Pooling"} & {*kinds[2:]}:
        raise ModelError(
            f"{name}: its modules are {', '.join(kinds) or 'none'}; an embedding model is a Transformer, a "
            "Pooling and what may come after"
        )
    normalised = kinds[-1] == "Normalize"
    further = [_further(name, kind, folder / path) for kind, path in named[2 : -1 if normalised else None]]
    if normalised:
        _check_vector_alone(name, "Normalize", read_object(folder / named[-1][1] / "config.json") or {})
    chain = Chain(
        transformer=folder / named[0][1],
        pooling=_pooling(name, folder / named[1][1] / "config.json"),
        further=tuple(further),
        normalised=normalised,
    )
    _check_widths(name, chain)
    return chain


def _named(name: str, modules: Any) -> Iterator[tuple[str, str]]:
    """Yield the class name and the path of each module; classes of a model's own code keep the full name."""
    try:
        for module in modules:
            kind, path = str(module["type"]), str(module["path"])
            yield kind.rpartition(".")[2] if kind.startswith("sentence_transformers.") else kind, path
    except (TypeError, KeyError) as error:
        raise ModelError(f"{name}: modules.json is not a list of modules with type and path") from error


def _pooling(name: str, path: Path) -> Pooling:
    config = _required(name, path)
    modes = config.get("pooling_mode") or [mode for key, mode in _LEGACY_MODES.items() if config.get(key)]
    modes = (modes,) if isinstance(modes, str) else tuple(modes) or ("mean",)
    for mode in modes:
        if mode not in _LEGACY_MODES.values():
            raise ModelError(f"{name}: the pooling {mode!r} is not known")
    width = config.get("embedding_dimension") or config.get("word_embedding_dimension")
    if not isinstance(width, int) or width <= 0:
        raise ModelError(f"{name}: {path} does not say how wide token vectors are")
    return Pooling(modes=modes, width=width, include_prompt=bool(config.get("include_prompt", True)))


def _default_pooling(name: str, folder: Path) -> Pooling:
    """Return the pooling that sentence-transformers uses for a network without modules."""
    config = _required(name, folder / "config.json")
    architecture = str((config.get("architectures") or [""])[0])
    if architecture.endswith("ForSequenceClassification"):
        raise ModelError(
            f"{name} is no embedding model: there is no modules.json, and its architecture is {architecture}"
        )
    width = next((config[key] for key in _WIDTHS if isinstance(config.get(key), int)), None)
    if width is None:
        raise ModelError(f"{name}: {folder}/config.json does not say how wide token vectors are")
    continues = architecture.endswith("ForCausalLM") and config.get("is_causal", True)
    return Pooling(modes=("lasttoken" if continues else "mean",), width=width)


def _further(name: str, kind: str, folder: Path) -> Module:
    if kind == "Normalize":
        _check_vector_alone(name, kind, read_object(folder / "config.json") or {})
        return Normalize()
    config = _required(name, folder / "config.json")
    _check_vector_alone(name, kind, config)
    try:
        if kind == "LayerNorm":
            return LayerNorm(folder=folder, dims=int(config["dimension"]))
        activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
        known = activation.startswith("torch.") and activation.rpartition(".")[2] in ACTIVATIONS
        if not known:
            raise ModelError(f"{name}: the activation {activation} of its Dense is not taken")
        return Dense(
            folder=folder,
            inputs=int(config["in_features"]),
            dims=int(config["out_features"]),
            bias=bool(config.get("bias", True)),
            activation=activation.rpartition(".")[2],
            residual=bool(config.get("use_residual")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name}: {folder}/config.json does not describe a {kind}: {error}") from error


def _check_vector_alone(name: str, kind: str, config: Mapping[str, Any]) -> None:
    for key in ("module_input_name", "module_output_name"):
        if config.get(key) not in (None, "sentence_embedding"):
            raise ModelError(f"{name}: a {kind} with {key}={config[key]!r} is not taken")


def _check_widths(name: str, chain: Chain) -> None:
    width = chain.pooling.dims
    for module in chain.further:
        if isinstance(module, Normalize):
            continue
        given = module.inputs if isinstance(module, Dense) else module.dims
        if given != width:
            raise ModelError(f"{name}: {module.folder} reads {given} numbers and is given {width}")
        width = module.dims


def _required(name: str, path: Path) -> Mapping[str, Any]:
    content = read_object(path)
    if content is None:
        raise ModelError(f"{name}: {path} is missing")
    return content
