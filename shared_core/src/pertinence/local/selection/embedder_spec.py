"""Spec of an embedding model, built from the model's name or folder and the modules that it declares.

Nothing here imports a runtime. The functions read JSON, look at file names, and contact the hub if necessary.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pertinence.errors import ModelError
from pertinence.local.files.bilingual import native_bilingual
from pertinence.local.files.legacy import native_config
from pertinence.local.files.locate import locate
from pertinence.local.files.modules import Chain, read_chain
from pertinence.local.files.settings import read_object, usable_positions, wants_token_types
from pertinence.local.machine.devices import accelerator
from pertinence.local.machine.processor import processor
from pertinence.local.selection.choice import Possible, choose
from pertinence.local.selection.reranker_spec import ModelSpec, installed, own_networks
from pertinence.options import Options

__all__ = ["EmbedderSpec", "resolve"]

_log = logging.getLogger(__name__)
# Families in the file names (`sentence_..._config.json`) under which releases of sentence-transformers have
# saved the settings of a Transformer.
_FAMILIES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
# Settings of a Transformer that change its input in unsupported ways.
_UNTAKEN = (
    "processing_kwargs",
    "processor_kwargs",
    "tokenizer_args",
    "tokenizer_name_or_path",
    "query_length",
    "document_length",
    "query_expansion",
)


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec(ModelSpec):
    """Spec of a model that reads one text and returns one vector.

    Attributes:
        chain: its modules.
        truncate_dim: number of values of a vector that its own settings keep; None keeps all.
        prompts: prompt before a text, by the role of the text: `query` or `document`.
        lowercase: True if texts are lowercased, whatever the tokenizer does.
    """

    chain: Chain
    truncate_dim: int | None
    prompts: Mapping[str, str]
    lowercase: bool

    @property
    def tokenizer(self) -> Path:
        """Path of its tokenizer file."""
        return self.chain.transformer / "tokenizer.json"


def resolve(options: Options) -> EmbedderSpec:
    """Find the embedding model that `options` names and decide how it runs.

    Raises:
        ModelNotFoundError: it was not found; the message lists the locations searched.
        ModelError: the model is no embedding model, lacks a file, or has an unsupported part.
        MissingExtraError: it can only run on a backend that is not installed.
        OptionError: backend, device and dtype contradict each other.
    """
    name, folder = locate(options)
    saved = read_object(folder / "config_sentence_transformers.json") or {}
    kind = saved.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise ModelError(f"{name} is not an embedding model: it was saved as a {kind}")
    chain = read_chain(name, folder)
    if not chain.declared:
        modes = ", ".join(chain.pooling.modes)
        _log.warning("%s has no modules.json: pooling is %s, as sentence-transformers does", name, modes)
    transformer = chain.transformer
    own = read_object(transformer / "config.json")
    if own is None:
        raise ModelError(f"{name}: {transformer / 'config.json'} is missing")
    # With trust_remote_code, the model's own code runs, so nothing is translated.
    native = None if options.trust_remote_code else _native(name, own)
    if native is not None and transformer != folder:
        raise ModelError(
            f"{name}: a {own['model_type']} network is read from the model's folder itself alone"
        )
    config = dict(native or own)
    if not (transformer / "tokenizer.json").is_file():
        raise ModelError(f"{name}: {transformer} holds no tokenizer.json, the file of a fast tokenizer")
    settings = _transformer_settings(name, transformer)
    possible = Possible(
        files=own_networks(transformer),
        packages=installed(),
        accelerator=accelerator(),
        processor=processor(),
    )
    choice = choose(name, options, possible)
    tokenizer = read_object(transformer / "tokenizer_config.json") or {}
    pad_id = int(config.get("pad_token_id") or 0)
    positions = usable_positions(config, pad_id)
    declared = settings.get("max_seq_length") or tokenizer.get("model_max_length") or positions
    return EmbedderSpec(
        name=name,
        folder=folder,
        config=config,
        backend=choice.backend,
        dtype=choice.dtype,
        device=options.device,
        why=choice.why,
        computed=choice.computed,
        files=possible.files,
        max_length=min(positions, int(declared)),
        positions=positions,
        pad_id=pad_id,
        token_types=wants_token_types(tokenizer, config),
        cut_left=tokenizer.get("truncation_side") == "left",
        int8_weights=False,
        options=options,
        translated=native is not None,
        chain=chain,
        truncate_dim=saved.get("truncate_dim"),
        prompts=_prompts(saved),
        lowercase=bool(settings.get("do_lower_case")),
    )


def _native(name: str, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the settings with which transformers loads this network; None if its own settings work."""
    return native_bilingual(name, config) or native_config(name, config)


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


def _prompts(saved: Mapping[str, Any]) -> dict[str, str]:
    """Return the prompts that `encode_query` and `encode_document` of sentence-transformers would use."""
    # It ignores document prompts under other names ("passage", "corpus") and `default_prompt_name`, because
    # its own empty prompts for both roles hide them.
    prompts = saved.get("prompts") or {}
    return {role: str(prompts.get(role) or "") for role in ("query", "document")}
