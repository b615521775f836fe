"""`PertinenceRerank`: node reranker for the `node_postprocessors` of an engine or standalone use."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from llama_index.core.bridge.pydantic import field_validator
from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle

from llama_index.postprocessor.pertinence.tracing import Tell, dispatcher, traced
from pertinence import InputError, Ranking
from pertinence.components import RerankerFields
from pertinence.integration import Options, check_documents, check_query

__all__ = ["PertinenceRerank"]

_KEPT_SCORE = "retrieval_score"
_HIDING = ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")


class PertinenceRerank(RerankerFields, BaseNodePostprocessor):
    """Node postprocessor that puts nodes in order of relevance to a query and keeps the best.

    The model is loaded on first use and shared with every other component of this process that names the same
    model. One instance may serve any number of threads and event loops at once.

        engine = index.as_query_engine(similarity_top_k=50, node_postprocessors=[PertinenceRerank(top_n=3)])

    Fields have the names and defaults of `pertinence.integration.Options`, which documents them, except for
    those below. An unknown name, or a value that an option does not accept, raises `pertinence.OptionError`
    (a `ValueError`). `token` and `api_key` are never written out, not even to pickles. If no `api_key` is
    given, it is read from `PERTINENCE_API_KEY`.

    A node without text, such as one that holds only an image, is scored as the empty text. It is counted in
    the step's events and logged, but never dropped for having no text.

    Attributes:
        top_n: how many nodes to keep; None keeps all.
        threshold: keep scores greater than or equal to it, before `top_n`; None keeps all.
        metadata_mode: which metadata the model reads together with a node's text.
        keep_retrieval_score: keep a node's incoming score as `retrieval_score` in its metadata, hidden from
            language models and embedders.
    """

    top_n: int | None = None
    threshold: float | None = None
    metadata_mode: MetadataMode = MetadataMode.EMBED
    keep_retrieval_score: bool = False

    _words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}
    _ignored: ClassVar[frozenset[str]] = frozenset({"class_name"})

    @field_validator("callback_manager", mode="before")
    @classmethod
    def _some_manager(cls, value: Any) -> Any:
        return CallbackManager() if value is None else value  # as the framework's embeddings do

    @classmethod
    def class_name(cls) -> str:
        """Return the name that the framework writes for this component's class."""
        return "PertinenceRerank"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        options, query, nodes = self._options(), _query(query_bundle), _checked(nodes)
        with self._traced(options, query, nodes) as tell:
            ranking = self._handle.rank(options, query, nodes, text=self._text)
            return tell(ranking, self._kept(ranking))

    @dispatcher.span
    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        options, query, nodes = self._options(), _query(query_bundle), _checked(nodes)
        with self._traced(options, query, nodes) as tell:
            ranking = await self._handle.arank(options, query, nodes, text=self._text)
            return tell(ranking, self._kept(ranking))

    def _traced(
        self, options: Options, query: str, nodes: list[NodeWithScore]
    ) -> AbstractContextManager[Tell]:
        model = self._handle.reranker(options).model
        return traced(self.callback_manager, query, nodes, options=options, model=model)

    def _text(self, node: NodeWithScore) -> str:
        return node.node.get_content(metadata_mode=self.metadata_mode)

    def _kept(self, ranking: Ranking[NodeWithScore]) -> list[NodeWithScore]:
        self._handle.log_notes(ranking)
        return [
            item.document.model_copy(update={"node": self._copied(item.document), "score": item.score})
            for item in ranking
        ]

    def _copied(self, found: NodeWithScore) -> BaseNode:
        node = found.node
        changes: dict[str, Any] = {
            "metadata": {**node.metadata},
            "relationships": {**node.relationships},
            **{name: [*getattr(node, name)] for name in _HIDING},
        }
        if self.keep_retrieval_score:
            changes["metadata"][_KEPT_SCORE] = found.score
            for name in _HIDING:
                if _KEPT_SCORE not in changes[name]:
                    changes[name].append(_KEPT_SCORE)
        return node.model_copy(update=changes)


def _query(bundle: QueryBundle | str | None) -> str:
    """Return the query to score, without newlines at its end; a retriever tool adds them to its queries."""
    if bundle is None:
        raise InputError("the query is missing: pass query_bundle or query_str")
    return check_query(bundle.query_str if isinstance(bundle, QueryBundle) else bundle).rstrip("\n")


def _checked(nodes: list[NodeWithScore]) -> list[NodeWithScore]:
    own = list(check_documents(nodes))
    for index, node in enumerate(own):
        if not isinstance(node, NodeWithScore):
            raise InputError(f"node {index} must be a NodeWithScore, not {type(node).__name__}")
    return own
