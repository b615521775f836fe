"""Embedding model in the form that the scheduler uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pertinence.local.batches.batching import Pair
from pertinence.local.batches.packing import Packed
from pertinence.local.batches.pair_tokens import PairLimits
from pertinence.local.batches.text_batches import TextBatch
from pertinence.local.batches.text_tokens import PromptedTexts, SequenceEncoder
from pertinence.local.runtimes.backend import Backend, open_embedding_backend
from pertinence.local.selection.embedder_spec import EmbedderSpec, resolve
from pertinence.local.serving.local_model import LocalModel
from pertinence.options import Options

__all__ = ["EmbeddingModel"]


class EmbeddingModel(LocalModel[EmbedderSpec, SequenceEncoder]):
    """Embedding model that takes single texts and returns one pooled row per text.

    A Normalize that comes last is left out. All texts of a request share one role, just as the texts of a
    reranking request share one query. The role is passed in the field that holds the query.
    """

    def encode_query(self, query: str, limits: PairLimits) -> PromptedTexts:
        """Return an encoder for texts of the role `query`, behind the prompt of that role."""
        return self._encoder().prompted(self.spec.prompts[query], limits)

    def pad(self, pairs: Sequence[Pair[Any]], worker: int = 0) -> TextBatch | Packed:
        """Build the arrays that the network and the pooling read."""
        batch = super().pad(pairs, worker)
        prompts = np.array([[pair.boundary] for pair in pairs], dtype=np.int64)
        if isinstance(batch, Packed):
            return replace(batch, prompts=prompts[:, 0])
        return TextBatch(ids=batch.ids, mask=batch.mask, types=batch.types, prompts=prompts)

    def _find(self, options: Options) -> EmbedderSpec:
        return resolve(options)

    def _read_tokenizer(self, spec: EmbedderSpec) -> SequenceEncoder:
        return SequenceEncoder(
            spec.tokenizer,
            max_length=spec.max_length,
            positions=spec.positions,
            cut_left=spec.cut_left,
            lowercase=spec.lowercase,
            include_prompt=spec.chain.pooling.include_prompt,
        )

    def _open_backend(self, spec: EmbedderSpec) -> Backend:
        return open_embedding_backend(spec)
