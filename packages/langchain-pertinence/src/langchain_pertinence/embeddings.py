"""`PertinenceEmbeddings`: vectors for a store and for the queries that search it."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from langchain_pertinence.fields import SecretFields
from pertinence.components import EmbedderFields

__all__ = ["PertinenceEmbeddings"]


class PertinenceEmbeddings(SecretFields, EmbedderFields, Embeddings):
    """Embeds texts and queries as `pertinence.Embedder` does, which says what models it takes.

    The model is loaded on first use and shared with every other component of this process that names
    the same one. One instance may serve any number of threads and event loops at once.

        store = InMemoryVectorStore(PertinenceEmbeddings(model="sentence-transformers/all-MiniLM-L6-v2"))

    Attributes:
        model: a folder, or a name on the hub; there is no embedded default. With `base_url`, the
            server's name for it.
        query_prefix: put before every query, after the prompt that the model's own settings may have;
            likewise `document_prefix`.
    """

    model: str | None = None
    query_prefix: str = ""
    document_prefix: str = ""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text, in their order, as plain lists of floats.

        Raises:
            InputError: a text is not a string; its index is named.
            ModelError: the model cannot be found or loaded, or is of a kind that is not taken.
            EndpointError: the server cannot be reached, refuses, or fails.
        """
        vectors: list[list[float]] = self._opened().embed_documents(texts).tolist()
        return vectors

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """`embed_documents` for an event loop, without a thread."""
        vectors: list[list[float]] = (await self._opened().aembed_documents(texts)).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query, as a plain list of floats.

        Raises:
            InputError: the query is no string, or empty.
            ModelError: the model cannot be found or loaded, or is of a kind that is not taken.
            EndpointError: the server cannot be reached, refuses, or fails.
        """
        vector: list[float] = self._opened().embed_query(text).tolist()
        return vector

    async def aembed_query(self, text: str) -> list[float]:
        """`embed_query` for an event loop, without a thread."""
        vector: list[float] = (await self._opened().aembed_query(text)).tolist()
        return vector
