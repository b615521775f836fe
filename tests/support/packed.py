"""Networks and batches for the tests of batches without padding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pertinence.local.batches.batching import Batch
from support.gte import needs_gte

__all__ = ["ARCHITECTURES", "averaging", "batch_of", "network_of", "padded_logits"]

# Those that are packed, by a shape of each.
ARCHITECTURES = (
    "bert-minilm-L6",
    "bge-m3-L2",
    "camembert-L2",
    "distilbert-L2",
    "electra-L2",
    pytest.param("gte-L2", marks=needs_gte),
    "mminilm-L6",
    "roberta-L2",
)


def network_of(folder: Path, labels: int = 1) -> Any:
    """With two layers, and a head for so many labels."""
    import torch
    import transformers

    torch.manual_seed(3)
    kind = transformers.AutoModelForSequenceClassification
    return kind.from_pretrained(
        folder, num_labels=labels, num_hidden_layers=2, ignore_mismatched_sizes=True
    ).eval()


def batch_of(lengths: Sequence[int], *, pad_id: int, typed: bool) -> Batch:
    """Rows of so many tokens, padded."""
    generator = np.random.default_rng(5)
    shape = (len(lengths), max(lengths))
    mask = (np.arange(shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
    ids = np.where(mask, generator.integers(5, 60, shape), pad_id)
    # Some tokens are padding by their id and yet read: a text may say "<pad>".
    ids[0, lengths[0] // 2] = pad_id
    types = (np.arange(shape[1]) * 2 >= np.array(lengths)[:, None]) * mask if typed else np.zeros(shape)
    return Batch(ids=ids.astype(np.int64), mask=mask, types=types.astype(np.int64))


def padded_logits(network: Any, batch: Batch, *, typed: bool) -> Any:
    """What the network gives for them as it is."""
    import torch

    types = {"token_type_ids": torch.from_numpy(batch.types)} if typed else {}
    with torch.inference_mode():
        ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
        return network(input_ids=ids, attention_mask=mask, **types).logits


def averaging(head: Any) -> Any:
    """A head that reads every token, of one that reads the first."""
    import torch

    class Averaging(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def forward(self, hidden: Any) -> Any:
            return self.head(hidden.mean(dim=1, keepdim=True))

    return Averaging()
