"""Stock networks of transformers that read a batch as one row: no padding, and the same numbers.

All tokens lie end to end, positions begin anew with each sequence, attention stays within it, and the
last layer hands on the first token of each sequence as a batch of one-token rows: so the network's own
head follows unchanged.
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
    """A network and the way it computes attention: a packed batch in, what its forward gives out.

    Attributes:
        way: how attention is computed (see `packed_attention`).
        device: where it is.
        filler: the token that stands for nothing.
        positions: how many tokens a sequence of it may have.
    """

    def __init__(self, network: Any, layout: Layout, way: str) -> None:
        self._network = network
        self._layout = layout
        self.way = way
        self._dtype = next(network.parameters()).dtype
        self.device = next(network.parameters()).device
        self.filler = int(network.config.pad_token_id or 0)
        # Padding has no positions of its own in the RoBERTa family.
        self.positions = int(network.config.max_position_embeddings)

    def run(self, batch: Packed) -> torch.Tensor:
        """Logits of shape (rows, labels); of a network without a head, its vectors.

        Those are of shape (rows, 1, dims) if the first token's alone are read, else (1, tokens, dims).
        The device may still be at work when this returns.
        """
        row = on_device(self.laid_out(batch), self.device)
        return self.compute(row, len(batch.ids), int(batch.lengths.max()))

    def laid_out(self, batch: Packed) -> Ids32:
        """Ids, positions, token types and starts end to end: one transfer for all of them."""
        positions = positions_of(batch, self.filler if self._layout.after_pad else None)
        return np.concatenate([batch.ids, positions, batch.types, batch.starts])

    def compute(self, row: torch.Tensor, tokens: int, longest: int) -> torch.Tensor:
        """What `run` gives, of a batch that is laid out on the device."""
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
        """So many of them, of numbers as large as these."""
        return float(count * torch.finfo(self._dtype).eps * numbers.abs().max())

    def keeps_apart(self) -> bool:
        """Whether what the first sequences of a small batch say leaves the last one as it was.

        In half precision the comparison with padding must be a lenient one; this is not: the same kernels run
        on the same shapes, so nothing should move at all.
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
    """Have `network` read packed batches from now on, and no others; None leaves it as it was.

    That is so where the architecture is not known to allow it, where no way is given, or where with
    none of the ways a first small batch gives the same numbers as before.

    Args:
        network: a sequence classifier of transformers, or a network without a head.
        ways: how attention may be computed, in the order of preference.
        first_token_read: the first token's vector alone is read; of a classifier that is always so.
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
        # What a kernel refuses it refuses in many ways; the next one may take it.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        _log.info("%s is not packed with attention by %s: %s", type(network).__name__, way, reason)
        layers[-1] = whole
        config._attn_implementation = before
    return None


def unpacked(batch: Packed, vectors: torch.Tensor, rows: np.ndarray[Any, Any]) -> dict[str, torch.Tensor]:
    """Token vectors as poolings read them, padded with zeros: `token_embeddings` and `attention_mask`.

    Args:
        batch: what was run.
        vectors: what the network gave: of shape (1, tokens, dims), or (rows, 1, dims) if it is the first
            token's alone.
        rows: which sequences.
    """
    if vectors.shape[0] == batch.rows and vectors.shape[1] == 1:
        picked = vectors[on_device(rows, vectors.device)]
        mask = torch.ones(len(rows), 1, dtype=torch.int64, device=vectors.device)
        return {"token_embeddings": picked, "attention_mask": mask}
    lengths = batch.lengths[rows]
    steps = np.arange(lengths.max())
    kept = steps < lengths[:, None]
    # Padding is read from the sequence's first token, and then made nothing of.
    places = batch.starts[rows][:, None] + np.where(kept, steps, 0)
    mask = on_device(kept.astype(np.int64), vectors.device)
    picked = vectors[0][on_device(places.astype(np.int64), vectors.device)]
    return {"token_embeddings": picked * mask[:, :, None], "attention_mask": mask}


def _layout_of(network: Any) -> Layout | None:
    """The layout of a network that is known to be safe."""
    kind = type(network)
    # Code that came with a model may go by the same names.
    if not kind.__module__.startswith("transformers.models."):
        return None
    return layout_of(kind.__name__, network.config.to_dict())


def _probe() -> Batch:
    """Rows of very different lengths."""
    shape = (len(_PROBE_LENGTHS), max(_PROBE_LENGTHS))
    mask = (np.arange(shape[1]) < np.array(_PROBE_LENGTHS)[:, None]).astype(np.int64)
    ids = np.arange(10, 10 + mask.size).reshape(shape) % 50
    return Batch(ids=ids.astype(np.int64), mask=mask, types=np.zeros(shape, dtype=np.int64))


def _probe_padded(network: Any, layout: Layout, first_token_read: bool) -> torch.Tensor:
    batch = _probe()
    device = next(network.parameters()).device
    # Positions of the RoBERTa family are read off the ids: what is padded must say so.
    ids = np.where(batch.mask, batch.ids, int(network.config.pad_token_id or 0))
    mask = torch.from_numpy(batch.mask).to(device)
    with torch.inference_mode():
        output = network(input_ids=torch.from_numpy(ids).to(device), attention_mask=mask)[0]
        if not first_token_read:
            output = output[mask.bool()]
        return _read_of(output, first_token_read)


def _read_of(output: torch.Tensor, first_token_read: bool) -> torch.Tensor:
    """What is read of the output, float32 of shape (rows or tokens, numbers)."""
    read = output[:, 0] if first_token_read and output.ndim == 3 else output
    return read.detach().float().flatten(0, -2)
