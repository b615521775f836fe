"""An embedding model as the scheduler wants it."""

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
    """A model of vectors: single texts in, one pooled row each out, before any closing Normalize.

    A request's texts share a role as a reranker's share a query: it stands in the query's place.
    """

    def encode_query(self, query: str, limits: PairLimits) -> PromptedTexts:
        """What makes sequences of texts that all have the role `query`, behind the prompt for it."""
        return self._encoder().prompted(self.spec.prompts[query], limits)

    def pad(self, pairs: Sequence[Pair[Any]], worker: int = 0) -> TextBatch | Packed:
        """Arrays as the network and the pooling read them."""
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
