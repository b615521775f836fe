"""`PertinenceEmbeddings`: vectors for a vector store and for the queries that search it."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from langchain_pertinence.fields import SecretFields
from pertinence.components import EmbedderFields

__all__ = ["PertinenceEmbeddings"]


class PertinenceEmbeddings(SecretFields, EmbedderFields, Embeddings):
    """Embeddings of texts and queries by `pertinence.Embedder`, which documents the supported models.

    The model is loaded on first use and shared with every other component of this process that names the same
    model. One instance may serve any number of threads and event loops at once.

        store = InMemoryVectorStore(PertinenceEmbeddings(model="sentence-transformers/all-MiniLM-L6-v2"))

    Attributes:
        model: a folder, or a name on the hub; there is no embedded default. With `base_url`, the server's
            name for it.
        query_prefix: text put before every query, after any prompt of the model's own settings; likewise
            `document_prefix`.
    """

    model: str | None = None
    query_prefix: str = ""
    document_prefix: str = ""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector per text, in input order, as plain lists of floats.

        Raises:
            InputError: a text is not a string; the message names its index.
            ModelError: the model cannot be found or loaded, or is of an unsupported kind.
            EndpointError: the server cannot be reached, rejects the request, or fails.
        """
        vectors: list[list[float]] = self._opened().embed_documents(texts).tolist()
        return vectors

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Run `embed_documents` without blocking the event loop and without a thread."""
        vectors: list[list[float]] = (await self._opened().aembed_documents(texts)).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query, as a plain list of floats.

        Raises:
            InputError: the query is not a string, or is empty.
            ModelError: the model cannot be found or loaded, or is of an unsupported kind.
            EndpointError: the server cannot be reached, rejects the request, or fails.
        """
        vector: list[float] = self._opened().embed_query(text).tolist()
        return vector

    async def aembed_query(self, text: str) -> list[float]:
        """Run `embed_query` without blocking the event loop and without a thread."""
        vector: list[float] = (await self._opened().aembed_query(text)).tolist()
        return vector
