"""Pooling and later modules of an embedding model, in numpy: token vectors in, one vector per text out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from pertinence.errors import ModelError
from pertinence.local.batches.batching import Batch
from pertinence.local.batches.text_batches import TextBatch
from pertinence.local.files.modules import Chain, Dense, LayerNorm, Module
from pertinence.local.runtimes.tensors import read_tensors
from pertinence.scorer import Float32, sigmoid
from pertinence.vectors import unit

__all__ = ["Head"]

Step = Callable[[Float32], Float32]
Mask = npt.NDArray[np.int64]

# Names of the token vectors in files exported by optimum and by sentence-transformers.
_TOKEN_VECTORS = ("last_hidden_state", "token_embeddings")
# Lower bound for the sum of weights, as in sentence-transformers: with no token, the vector is zero.
_LEAST_WEIGHT = np.float32(1e-9)
# torch's default, which sentence-transformers' LayerNorm uses.
_EPSILON = np.float32(1e-5)

_erf = np.vectorize(math.erf, otypes=[np.float32])
_ACTIVATIONS: Mapping[str, Step] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
    "GELU": lambda x: x * np.float32(0.5) * (1 + _erf(x / np.float32(math.sqrt(2)))),
    "Sigmoid": sigmoid,
    "SiLU": lambda x: x * sigmoid(x),
}


class Head:
    """Pooling and the modules after it, except a Normalize that comes last.

    Raises:
        ModelError: weights of a module are missing or differ in shape from the module's settings.
    """

    def __init__(self, chain: Chain) -> None:
        self._modes = chain.pooling.modes
        self._width = chain.pooling.width
        self._steps = [_step(module) for module in chain.further]

    def pick(self, outputs: Mapping[str, int]) -> int:
        """Return the index of the token vectors among a network's outputs.

        They are recognized by name, or by having three axes.

        Raises:
            ModelError: there is no such output.
        """
        names = [name for name in _TOKEN_VECTORS if name in outputs]
        names += [name for name, axes in outputs.items() if axes == 3]
        if not names:
            raise ModelError(f"the network gives no token vectors; it gives {', '.join(outputs)}")
        return list(outputs).index(names[0])

    def rows(self, tokens: Float32, batch: Batch) -> Float32:
        """Return vectors of shape (rows, dims) from token vectors of shape (rows, tokens, width).

        Raises:
            ModelError: the width of the token vectors differs from the width that the pooling expects.
        """
        assert isinstance(batch, TextBatch)
        if tokens.ndim != 3 or tokens.shape[2] != self._width:
            raise ModelError(f"the network gives {tokens.shape}, and its pooling reads (*, *, {self._width})")
        mask = batch.mask * (np.arange(batch.mask.shape[1]) >= batch.prompts)
        rows = np.concatenate([_POOLINGS[mode](tokens, mask) for mode in self._modes], axis=1)
        for step in self._steps:
            rows = step(rows)
        return rows


def _first(tokens: Float32, mask: Mask) -> Float32:
    picked: Float32 = tokens[np.arange(len(tokens)), mask.argmax(axis=1)]
    return picked


def _last(tokens: Float32, mask: Mask) -> Float32:
    place = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
    rows = np.arange(len(tokens))
    picked: Float32 = tokens[rows, place] * mask[rows, place, None].astype(np.float32)
    return picked


def _max(tokens: Float32, mask: Mask) -> Float32:
    largest: Float32 = np.where(mask[:, :, None] == 0, np.float32(-np.inf), tokens).max(axis=1)
    return largest


def _weighted(tokens: Float32, weights: Mask) -> tuple[Float32, Float32]:
    """Return the weighted sum, of shape (rows, width), and the sum of the weights, of shape (rows, 1)."""
    floats = weights.astype(np.float32)
    sums = (floats[:, None, :] @ tokens)[:, 0]
    return sums, np.maximum(floats.sum(axis=1, keepdims=True), _LEAST_WEIGHT)


def _mean(tokens: Float32, mask: Mask) -> Float32:
    sums, weight = _weighted(tokens, mask)
    return sums / weight


def _mean_sqrt(tokens: Float32, mask: Mask) -> Float32:
    sums, weight = _weighted(tokens, mask)
    root: Float32 = np.sqrt(weight)
    return sums / root


def _weighted_mean(tokens: Float32, mask: Mask) -> Float32:
    return _mean(tokens, mask * np.arange(1, mask.shape[1] + 1))


_POOLINGS: Mapping[str, Callable[[Float32, Mask], Float32]] = {
    "cls": _first,
    "lasttoken": _last,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
}


def _step(module: Module) -> Step:
    if isinstance(module, Dense):
        return _dense(module)
    return _layer_norm(module) if isinstance(module, LayerNorm) else unit


def _dense(module: Dense) -> Step:
    tensors = read_tensors(module.folder)
    weight = _taken(module, tensors, "linear.weight", (module.dims, module.inputs))
    bias = _taken(module, tensors, "linear.bias", (module.dims,)) if module.bias else np.float32(0)
    activation = _ACTIVATIONS[module.activation]
    if not module.residual:
        return lambda rows: activation(rows @ weight.T + bias)
    if module.inputs == module.dims:
        return lambda rows: activation(rows @ weight.T + bias) + rows
    aside = _taken(module, tensors, "residual.weight", (module.dims, module.inputs))
    return lambda rows: activation(rows @ weight.T + bias) + rows @ aside.T


def _layer_norm(module: LayerNorm) -> Step:
    tensors = read_tensors(module.folder)
    weight = _taken(module, tensors, "norm.weight", (module.dims,))
    bias = _taken(module, tensors, "norm.bias", (module.dims,))

    def normed(rows: Float32) -> Float32:
        centred = rows - rows.mean(axis=1, keepdims=True)
        spread: Float32 = np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPSILON)
        scaled: Float32 = centred / spread * weight + bias
        return scaled

    return normed


def _taken(
    module: Dense | LayerNorm, tensors: Mapping[str, Float32], name: str, shape: tuple[int, ...]
) -> Float32:
    if name not in tensors or tensors[name].shape != shape:
        found = tensors[name].shape if name in tensors else "no such tensor"
        raise ModelError(f"{module.folder}: {name} must be of shape {shape}; there is {found}")
    return tensors[name]
