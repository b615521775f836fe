"""Reranker model in the form that the scheduler uses."""

from __future__ import annotations

from pertinence.local.batches.pair_tokens import PairEncoder, PairLimits, QueryEncoder
from pertinence.local.runtimes.backend import Backend, open_backend
from pertinence.local.selection.reranker_spec import RerankerSpec, resolve
from pertinence.local.serving.local_model import LocalModel
from pertinence.options import Options

__all__ = ["RerankerModel"]


class RerankerModel(LocalModel[RerankerSpec, PairEncoder]):
    """Cross-encoder: takes pairs of query and text and returns one row of logits per pair."""

    def encode_query(self, query: str, limits: PairLimits) -> QueryEncoder:
        """Tokenize the query behind the model's own prompt, ready to be joined with texts."""
        return self._encoder().query(self.spec.prompt + query, limits)

    def _find(self, options: Options) -> RerankerSpec:
        return resolve(options)

    def _read_tokenizer(self, spec: RerankerSpec) -> PairEncoder:
        return PairEncoder(
            spec.tokenizer, max_length=spec.max_length, positions=spec.positions, cut_left=spec.cut_left
        )

    def _open_backend(self, spec: RerankerSpec) -> Backend:
        return open_backend(spec)
