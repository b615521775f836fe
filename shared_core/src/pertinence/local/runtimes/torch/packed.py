"""Networks of transformers that read a packed batch as one row, without padding, with the same results.

All tokens are placed end to end in one row. Positions restart with each sequence, and attention stays
within it. The last layer returns the first token of each sequence as a batch of one-token rows, so the
network's own head works unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from pertinence.errors import MissingExtraError
from pertinence.local.batches.batching import Batch
from pertinence.local.batches.packing import Ids32, Packed, pack_padded, positions_of
from pertinence.local.runtimes.torch.devices import on_device
from pertinence.local.runtimes.torch.first_token_layer import tolerance
from pertinence.local.runtimes.torch.packed_attention import NO_INFERENCE_MODE, Spans, register
from pertinence.local.runtimes.torch.packed_layers import LAST_LAYERS
from pertinence.local.selection.architectures import Layout, layout_of

try:
    import torch
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["PackedNetwork", "make_packed", "unpacked"]

_log = logging.getLogger(__name__)


_PROBE_LENGTHS = (9, 1, 14, 3)


class PackedNetwork:
    """Network that reads packed batches, with the way in which it computes attention.

    Attributes:
        way: way to compute attention (see `packed_attention`).
        device: device of the network.
        filler: token id that fills up a batch.
        positions: maximum number of tokens of a sequence.
    """

    def __init__(self, network: Any, layout: Layout, way: str) -> None:
        self._network = network
        self._layout = layout
        self.way = way
        self._dtype = next(network.parameters()).dtype
        self.device = next(network.parameters()).device
        self.filler = int(network.config.pad_token_id or 0)
        # In the RoBERTa family, padding has no positions of its own.
        self.positions = int(network.config.max_position_embeddings)

    def run(self, batch: Packed) -> torch.Tensor:
        """Return logits of shape (rows, labels), or the vectors of a network without a head.

        The vectors have shape (rows, 1, dims) if only the first token's is read, else (1, tokens, dims).
        The device may still be computing when this returns.
        """
        row = on_device(self.laid_out(batch), self.device)
        return self.compute(row, len(batch.ids), int(batch.lengths.max()))

    def laid_out(self, batch: Packed) -> Ids32:
        """Concatenate ids, positions, token types and starts, so that one transfer is enough for all."""
        positions = positions_of(batch, self.filler if self._layout.after_pad else None)
        return np.concatenate([batch.ids, positions, batch.types, batch.starts])

    def compute(self, row: torch.Tensor, tokens: int, longest: int) -> torch.Tensor:
        """Return the result of `run` for a batch that is already laid out on the device."""
        ids, positions, types = row[: 3 * tokens].view(3, tokens)
        starts = row[3 * tokens :]
        inputs = {"input_ids": ids[None], "position_ids": positions[None]}
        if self._layout.typed:
            inputs["token_type_ids"] = types[None]
        spans = Spans(starts=starts, longest=longest)
        with torch.no_grad() if self.way in NO_INFERENCE_MODE else torch.inference_mode():
            output: torch.Tensor = self._network(**inputs, **spans.as_arguments())[0]
        return output

    def roundings(self, count: float, numbers: torch.Tensor) -> float:
        """Return the size of `count` rounding errors of numbers as large as these."""
        return float(count * torch.finfo(self._dtype).eps * numbers.abs().max())

    def keeps_apart(self) -> bool:
        """Check that the first sequences of a small batch do not affect the last one.

        In half precision the comparison with padded batches has to be lenient. This check is strict: the
        same kernels run on the same shapes, so nothing should change at all.
        """
        batch = _probe()
        other = Batch(ids=batch.ids.copy(), mask=batch.mask, types=batch.types)
        other.ids[:-1] = batch.ids[:-1][:, ::-1]
        first, then = (self.run(pack_padded(each)).detach().float().flatten(0, -2) for each in (batch, other))
        # The last row of logits or first tokens, or the tokens of the last sequence.
        kept = 1 if len(first) == len(_PROBE_LENGTHS) else _PROBE_LENGTHS[-1]
        moved = (first[-kept:] - then[-kept:]).abs().max()
        return bool(moved <= self.roundings(0.25, first))


def make_packed(network: Any, ways: Iterable[str], *, first_token_read: bool = True) -> PackedNetwork | None:
    """Make `network` read only packed batches from now on.

    Returns None and leaves the network unchanged if the architecture is not known to allow packed batches,
    if `ways` is empty, or if no way gives the same numbers as before on a small test batch.

    Args:
        network: a sequence classifier of transformers, or a network without a head.
        ways: ways to compute attention, in the order of preference.
        first_token_read: True if only the first token's vector is read, as is always so for a classifier.
    """
    layout = _layout_of(network)
    if layout is None:
        return None
    config, before = network.config, network.config._attn_implementation
    layers = network.base_model.get_submodule(layout.layers)
    whole, expected = layers[-1], None
    for way in ways:
        try:
            if expected is None:
                expected = _probe_padded(network, layout, first_token_read)
            config._attn_implementation = register(way)
            if first_token_read:
                layers[-1] = LAST_LAYERS[layout.family](whole, way)
            packed = PackedNetwork(network, layout, way)
            given = _read_of(packed.run(pack_padded(_probe())), first_token_read)
            if given.shape == expected.shape and bool(
                (given - expected).abs().max() <= tolerance(network, expected)
            ):
                if packed.keeps_apart():
                    return packed
                reason = "lets sequences read each other"
            else:
                reason = "gives other numbers"
        # Kernels refuse inputs with many kinds of errors; the next way may accept them.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        _log.info("%s is not packed with attention by %s: %s", type(network).__name__, way, reason)
        layers[-1] = whole
        config._attn_implementation = before
    return None


def unpacked(batch: Packed, vectors: torch.Tensor, rows: np.ndarray[Any, Any]) -> dict[str, torch.Tensor]:
    """Return token vectors for pooling, padded with zeros, as `token_embeddings` and `attention_mask`.

    Args:
        batch: the batch that was run.
        vectors: output of the network, of shape (1, tokens, dims), or (rows, 1, dims) if it holds only the
            first token's vectors.
        rows: indices of the sequences to return.
    """
    if vectors.shape[0] == batch.rows and vectors.shape[1] == 1:
        picked = vectors[on_device(rows, vectors.device)]
        mask = torch.ones(len(rows), 1, dtype=torch.int64, device=vectors.device)
        return {"token_embeddings": picked, "attention_mask": mask}
    lengths = batch.lengths[rows]
    steps = np.arange(lengths.max())
    kept = steps < lengths[:, None]
    # Padding reads the vector of the sequence's first token, which is then multiplied by zero.
    places = batch.starts[rows][:, None] + np.where(kept, steps, 0)
    mask = on_device(kept.astype(np.int64), vectors.device)
    picked = vectors[0][on_device(places.astype(np.int64), vectors.device)]
    return {"token_embeddings": picked * mask[:, :, None], "attention_mask": mask}


def _layout_of(network: Any) -> Layout | None:
    """Return the layout of a network if it is known to be safe, else None."""
    kind = type(network)
    # Code that comes with a model may use the same class names.
    if not kind.__module__.startswith("transformers.models."):
        return None
    return layout_of(kind.__name__, network.config.to_dict())


def _probe() -> Batch:
    """Build a test batch with rows of very different lengths."""
    shape = (len(_PROBE_LENGTHS), max(_PROBE_LENGTHS))
    mask = (np.arange(shape[1]) < np.array(_PROBE_LENGTHS)[:, None]).astype(np.int64)
    ids = np.arange(10, 10 + mask.size).reshape(shape) % 50
    return Batch(ids=ids.astype(np.int64), mask=mask, types=np.zeros(shape, dtype=np.int64))


def _probe_padded(network: Any, layout: Layout, first_token_read: bool) -> torch.Tensor:
    batch = _probe()
    device = next(network.parameters()).device
    # The RoBERTa family computes positions from the ids, so padded positions must hold the padding id.
    ids = np.where(batch.mask, batch.ids, int(network.config.pad_token_id or 0))
    mask = torch.from_numpy(batch.mask).to(device)
    with torch.inference_mode():
        output = network(input_ids=torch.from_numpy(ids).to(device), attention_mask=mask)[0]
        if not first_token_read:
            output = output[mask.bool()]
        return _read_of(output, first_token_read)


def _read_of(output: torch.Tensor, first_token_read: bool) -> torch.Tensor:
    """Return the part of the output that is read, float32 of shape (rows or tokens, numbers)."""
    read = output[:, 0] if first_token_read and output.ndim == 3 else output
    return read.detach().float().flatten(0, -2)
