"""`PertinenceRerank`: nodes in order of relevance, among the `node_postprocessors` of an engine and alone."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle

from llama_index.postprocessor.pertinence.tracing import Tell, dispatcher, traced
from pertinence import InputError, OptionError, Ranking
from pertinence.integration import (
    BackendName,
    DtypeName,
    Handle,
    Options,
    ScoreKindName,
    Truncation,
    check_query,
    options_of_fields,
)

__all__ = ["PertinenceRerank"]

_WORDS = {"top_k": "top_n"}
_OPTIONS = frozenset(_WORDS.get(name, name) for name in Options.names())
_KEPT_SCORE = "retrieval_score"


class PertinenceRerank(BaseNodePostprocessor):
    """Puts nodes in order of relevance to a query and keeps the best.

    The model is loaded on first use and shared with every other component of this process that names
    the same one. One instance may serve any number of threads and event loops at once.

        engine = index.as_query_engine(similarity_top_k=50, node_postprocessors=[PertinenceRerank(top_n=3)])

    Fields are named and set by default as in `pertinence.integration.Options`, which explains them, but
    for those below. A value that an option does not take, or a name that is none, raises
    `pertinence.OptionError` (a `ValueError`). Neither `token` nor `api_key` is ever written
    out, not even into pickles; the `api_key` is read from `PERTINENCE_API_KEY` where it is not given.

    Attributes:
        top_n: how many nodes to keep; None keeps all.
        threshold: keep scores greater than or equal to it, before `top_n`; None keeps all.
        metadata_mode: which metadata is read together with a node's text.
        keep_retrieval_score: keep the score that a node came with as `retrieval_score` in its metadata,
            hidden from language models and embedders.
    """

    model_config = ConfigDict(protected_namespaces=(), hide_input_in_errors=True)

    model: str | None = None
    top_n: int | None = None
    threshold: float | None = None
    metadata_mode: MetadataMode = MetadataMode.EMBED
    keep_retrieval_score: bool = False
    score_kind: ScoreKindName = "auto"
    query_prefix: str = ""
    query_suffix: str = ""
    document_prefix: str = ""
    document_suffix: str = ""
    device: str = "auto"
    backend: BackendName = "auto"
    dtype: DtypeName = "auto"
    max_length: int | None = None
    truncation: Truncation = "longest_first"
    batch_tokens: int | None = None
    max_queued: int | None = None
    trust_remote_code: bool = False
    revision: str | None = None
    token: SecretStr | None = Field(default=None, exclude=True)
    cache_folder: str | None = None
    local_files_only: bool = False
    model_kwargs: dict[str, Any] | None = None
    base_url: str | None = None
    dialect: str | dict[str, Any] | None = None
    api_key: SecretStr | None = Field(default=None, exclude=True)
    timeout: float = 120.0
    max_retries: int = 3
    concurrency: int = 8
    headers: dict[str, str] | None = None
    verify: bool | str = True
    proxy: str | None = None

    _handle: Handle = PrivateAttr(default_factory=Handle)

    if not TYPE_CHECKING:  # type checkers read the signature off the fields

        def __init__(self, **data: Any) -> None:
            data.pop("class_name", None)  # the framework writes it into all that it dumps
            for name in data:
                if name not in type(self).model_fields:
                    raise OptionError.unknown(name, type(self).model_fields)
            options_of_fields(data, _WORDS)
            super().__init__(**data)

    @field_validator("model", "cache_folder", mode="before")
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    @classmethod
    def class_name(cls) -> str:
        """The name under which the framework writes this component out."""
        return "PertinenceRerank"

    def warm_up(self) -> None:
        """Load the model now rather than on first use."""
        self._handle.reranker(self._options()).warm_up()

    async def awarm_up(self) -> None:
        """`warm_up` for an event loop."""
        await self._handle.reranker(self._options()).awarm_up()

    def close(self) -> None:
        """Give the model back; it is loaded anew if the component is used again."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        # A handle of its own, so that closing a copy leaves the original at work.
        copied = super().__copy__()
        copied._handle = Handle()
        return copied

    def __getstate__(self) -> dict[str, Any]:
        # The base deletes what cannot be pickled from the very object it is given: a copy, therefore.
        return super(
            PertinenceRerank, self.model_copy(update={"token": None, "api_key": None})
        ).__getstate__()

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        options, query = self._options(), _query(query_bundle)
        with self._traced(options, query, nodes) as tell:
            return tell(self._kept(self._handle.rank(options, query, nodes, text=self._text)))

    @dispatcher.span
    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        options, query = self._options(), _query(query_bundle)
        with self._traced(options, query, nodes) as tell:
            return tell(self._kept(await self._handle.arank(options, query, nodes, text=self._text)))

    def _traced(
        self, options: Options, query: str, nodes: list[NodeWithScore]
    ) -> AbstractContextManager[Tell]:
        for index, node in enumerate(nodes):
            if not isinstance(node, NodeWithScore):
                raise InputError(f"node {index} must be a NodeWithScore, not {type(node).__name__}")
        model = self._handle.reranker(options).model
        return traced(self.callback_manager, query, nodes, top_n=options.top_k or len(nodes), model=model)

    def _text(self, node: NodeWithScore) -> str:
        return node.node.get_content(metadata_mode=self.metadata_mode)

    def _kept(self, ranking: Ranking[NodeWithScore]) -> list[NodeWithScore]:
        return [
            item.document.model_copy(update={"node": self._copied(item.document), "score": item.score})
            for item in ranking
        ]

    def _copied(self, found: NodeWithScore) -> BaseNode:
        node = found.node
        if not self.keep_retrieval_score:
            return node.model_copy(update={"metadata": {**node.metadata}})
        hidden = {
            name: [*(key for key in getattr(node, name) if key != _KEPT_SCORE), _KEPT_SCORE]
            for name in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
        }
        return node.model_copy(update={"metadata": {**node.metadata, _KEPT_SCORE: found.score}, **hidden})

    def _options(self) -> Options:
        return options_of_fields(dict(self), _WORDS)


def _query(bundle: QueryBundle | str | None) -> str:
    """The query to score; a retriever tool ends its queries with newlines, which are not part of them."""
    if bundle is None:
        raise InputError("the query is missing: pass query_bundle or query_str")
    return check_query(bundle.query_str if isinstance(bundle, QueryBundle) else bundle).rstrip("\n")
