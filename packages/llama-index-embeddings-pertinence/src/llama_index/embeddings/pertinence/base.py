"""`PertinenceEmbedding`: vectors for an index and for the queries that search it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding

from pertinence import OptionError
from pertinence.components import CONFIG, EmbedderFields
from pertinence.integration import Options, check_query

__all__ = ["PertinenceEmbedding"]

_CONFUSED = "embeddings_cache does not know queries from texts, which are embedded differently here"


class PertinenceEmbedding(EmbedderFields, BaseEmbedding):
    """Embeds texts and queries as `pertinence.Embedder` does, which says what models it takes.

    The model is loaded on first use and shared with every other component of this process that names
    the same one. One instance may serve any number of threads and event loops at once.

        index = VectorStoreIndex.from_documents(documents, embed_model=PertinenceEmbedding(model_name="..."))

    Fields are named and set by default as in `pertinence.integration.EmbedderOptions`, which explains
    them, but for those below and those of LlamaIndex's own base class. A value that an option does not
    take, or a name that is none, raises `pertinence.OptionError` (a `ValueError`). Neither `token` nor
    `api_key` is ever written out, not even into pickles; the `api_key` is read from
    `PERTINENCE_API_KEY` where it is not given.

    Attributes:
        model_name: a folder, or a name on the hub; with `base_url`, the server's name for it, and None
            if it has but one.
        query_instruction: put before the query, after the prompt that the model's own settings may have.
        text_instruction: likewise before a text.
        embeddings_cache: taken only where queries and texts are embedded alike, with no instruction or
            prompt of their own: LlamaIndex looks up a query and a text of the same words as one.
    """

    model_config = CONFIG

    model_name: str | None = None  # type: ignore[assignment]
    query_instruction: str = ""
    text_instruction: str = ""

    _words: ClassVar[Mapping[str, str]] = {
        "model": "model_name",
        "query_prefix": "query_instruction",
        "document_prefix": "text_instruction",
    }
    _ignored: ClassVar[frozenset[str]] = frozenset({"class_name"})

    @classmethod
    def class_name(cls) -> str:
        """The name under which the framework writes this component out."""
        return "PertinenceEmbedding"

    @classmethod
    def _check(cls, data: Mapping[str, Any], options: Options) -> None:
        super()._check(data, options)
        before = options.query_prefix == options.document_prefix
        after = options.query_suffix == options.document_suffix
        if data.get("embeddings_cache") is not None and not (before and after):
            raise OptionError(_CONFUSED)

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._listed([self._opened().embed_query(_asked(query))])[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return self._listed([await self._opened().aembed_query(_asked(query))])[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._listed(self._opened().embed_documents(texts))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._listed(await self._opened().aembed_documents(texts))

    def _listed(self, vectors: Iterable[Any]) -> list[Embedding]:
        """Arrays as plain lists; refused if a cache would hand them out for texts of another role."""
        if self.embeddings_cache is not None and not self._opened().symmetric:
            raise OptionError(_CONFUSED)
        return [vector.tolist() for vector in vectors]


def _asked(query: str) -> str:
    """The query; a retriever tool ends its queries with newlines, which are not part of them."""
    return check_query(query).rstrip("\n")
