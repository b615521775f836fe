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
    """Embedding of texts and queries by `pertinence.Embedder`, which documents the supported models.

    The model is loaded on first use and shared with every other component of this process that names the same
    model. One instance may serve any number of threads and event loops at once.

        index = VectorStoreIndex.from_documents(documents, embed_model=PertinenceEmbedding(model_name="..."))

    Fields have the names and defaults of `pertinence.integration.EmbedderOptions`, which documents them,
    except for those below and those of LlamaIndex's own base class. An unknown name, or a value that an
    option does not accept, raises `pertinence.OptionError` (a `ValueError`). `token` and `api_key` are never
    written out, not even to pickles. If no `api_key` is given, it is read from `PERTINENCE_API_KEY`.

    Attributes:
        model_name: a folder, or a name on the hub; with `base_url`, the server's name for it, or None if the
            server has only one model.
        query_instruction: text put before the query, after any prompt of the model's own settings.
        text_instruction: likewise before a text.
        embeddings_cache: accepted only if queries and texts are embedded in the same way, without
            instructions or prompts that differ: LlamaIndex uses one cache entry for a query and a text with
            the same words.
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
        """Return the name that the framework writes for this component's class."""
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
        """Return arrays as plain lists.

        Raise an error if a cache is set and the model embeds queries and texts differently: the cache would
        return vectors of the wrong role.
        """
        if self.embeddings_cache is not None and not self._opened().symmetric:
            raise OptionError(_CONFUSED)
        return [vector.tolist() for vector in vectors]


def _asked(query: str) -> str:
    """Return the query without newlines at its end; a retriever tool adds them to its queries."""
    return check_query(query).rstrip("\n")
