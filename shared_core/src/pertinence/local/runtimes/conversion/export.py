"""Conversion of a model to ONNX, with a check that the file gives the same numbers."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.selection.embedder_spec import EmbedderSpec
from pertinence.local.selection.reranker_spec import ModelSpec

try:
    import onnxruntime
    import torch
    from torch import nn

    from pertinence.local.runtimes.conversion.token_vectors import TokenVectors
    from pertinence.local.runtimes.torch.backend import (
        load_cross_encoder,
        load_sentence_transformer,
        network_of,
    )
    from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer
except ImportError as error:
    raise MissingExtraError.of("converting a model to ONNX", "torch") from error

__all__ = ["export_onnx", "load_eager", "write_onnx"]

_OPSET = 20
# Two runtimes sum in different orders. A larger difference means a different function, not a different
# rounding.
_TOLERANCE = 1e-4


def write_onnx(spec: ModelSpec, path: Path) -> None:
    """Convert the model to an ONNX file in float32, in the form that the runtimes compute fastest.

    Raises:
        ModelError: the model cannot be converted, or the file gives other numbers than the model.
    """
    network: Any = load_eager(spec)
    inputs = _probe(spec)
    with torch.inference_mode():
        expected = network(**inputs)[0].numpy()
    if not isinstance(spec, EmbedderSpec):
        use_first_token_layer(network)
    elif spec.chain.first_token_read:
        use_first_token_layer(network.network, first_token_read=True)
    export_onnx(network, path, spec)
    _prove(path, inputs, expected, spec)


def load_eager(spec: ModelSpec) -> nn.Module:
    """Load the network with its attention written as plain products and a softmax.

    onnxruntime runs that form 15% faster than the exporter's conversion of torch's fused attention.
    """
    kwargs = {**(spec.options.model_kwargs or {}), "attn_implementation": "eager"}
    options = spec.options.with_(model_kwargs=kwargs, device="cpu")
    plain = replace(spec, options=options, device="cpu", dtype="float32")
    if isinstance(plain, EmbedderSpec):
        return TokenVectors(load_sentence_transformer(plain))
    return network_of(load_cross_encoder(plain), plain)


def export_onnx(network: nn.Module, path: Path, spec: ModelSpec) -> None:
    """Write `network` as an ONNX file with free batch size and length, and check it on a padded batch.

    Args:
        network: network whose first output is written.
        path: path of the file.
        spec: spec of the model that the network belongs to.

    Raises:
        ModelError: torch cannot convert the network, or the file gives other numbers.
    """
    inputs = _probe(spec)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        with _quiet(), torch.inference_mode():
            program = torch.onnx.export(
                network,
                (),
                kwargs=inputs,
                dynamo=True,
                dynamic_shapes=dict.fromkeys(inputs, free),
                opset_version=_OPSET,
                output_names=["last_hidden_state" if isinstance(spec, EmbedderSpec) else "logits"],
                verbose=False,
            )
            assert program is not None
            program.save(str(path))
            expected = network(**inputs)[0].numpy()
    except Exception as error:
        raise ModelError(f"{spec.name} cannot be converted to ONNX: {error}") from error
    _prove(path, inputs, expected, spec)


def _prove(
    path: Path, inputs: dict[str, torch.Tensor], expected: np.ndarray[Any, Any], spec: ModelSpec
) -> None:
    given = _run(path, inputs)
    # A network with a first-token layer gives only the first token's vector.
    drift = float(np.abs(given - expected[:, : given.shape[1]]).max())
    if not drift < _TOLERANCE:
        raise ModelError(f"{spec.name}: its ONNX form gives numbers that are {drift:.2g} off")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's messages about optional packages."""
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        registry.setLevel(level)


def _probe(spec: ModelSpec) -> dict[str, torch.Tensor]:
    """Build a batch whose rows differ in length and whose inputs all differ from each other."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, int(spec.config["vocab_size"]), (2, 11), generator=generator)
    mask = torch.ones_like(ids)
    ids[1, 7:] = spec.pad_id
    mask[1, 7:] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    if spec.token_types:
        types = torch.zeros_like(ids)
        types[:, 4:] = mask[:, 4:]
        inputs["token_type_ids"] = types
    return inputs


def _run(path: Path, inputs: dict[str, torch.Tensor]) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {name: tensor.numpy() for name, tensor in inputs.items()}
    return np.asarray(session.run(None, feed)[0])
