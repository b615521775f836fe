"""`PertinenceEmbedding`: vectors for an index and for the queries that search it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from pertinence import Embedder, OptionError
from pertinence.integration import BackendName, DtypeName, Handle, check_query, options_of_fields

__all__ = ["PertinenceEmbedding"]

_WORDS = {"model": "model_name"}


class PertinenceEmbedding(BaseEmbedding):
    """Embeds texts and queries as `pertinence.Embedder` does, which says what models it takes.

    The model is loaded on first use and shared with every other component of this process that names
    the same one. One instance may serve any number of threads and event loops at once.

        index = VectorStoreIndex.from_documents(documents, embed_model=PertinenceEmbedding(model_name="..."))

    Fields are named and set by default as in `pertinence.integration.Options`, which explains them, but
    for `model_name` and those of LlamaIndex's own base class. A value that an option does not take, or
    a name that is none, raises `pertinence.OptionError` (a `ValueError`). Neither `token` nor `api_key`
    is ever written out, not even into pickles; the `api_key` is read from `PERTINENCE_API_KEY` where it
    is not given.

    Attributes:
        model_name: a folder, or a name on the hub; with `base_url`, the server's name for it.
        embeddings_cache: taken only where queries and documents are embedded alike, with no prefix or
            prompt of their own: LlamaIndex looks up a query and a document of the same words as one.
    """

    model_config = ConfigDict(protected_namespaces=(), hide_input_in_errors=True)

    model_name: str
    query_prefix: str = ""
    query_suffix: str = ""
    document_prefix: str = ""
    document_suffix: str = ""
    device: str = "auto"
    backend: BackendName = "auto"
    dtype: DtypeName = "auto"
    max_length: int | None = None
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
            if data.get("model_name") is None:
                raise OptionError("model_name is missing: name an embedding model")
            Embedder.from_options(options_of_fields(data, _WORDS))
            super().__init__(**data)

    @field_validator("model_name", "cache_folder", mode="before")
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    @classmethod
    def class_name(cls) -> str:
        """The name under which the framework writes this component out."""
        return "PertinenceEmbedding"

    def warm_up(self) -> None:
        """Load the model now rather than on first use."""
        self._embedder().warm_up()

    async def awarm_up(self) -> None:
        """`warm_up` for an event loop."""
        await self._embedder().awarm_up()

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
            PertinenceEmbedding, self.model_copy(update={"token": None, "api_key": None})
        ).__getstate__()

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._listed([self._embedder().embed_query(_asked(query))])[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return self._listed([await self._embedder().aembed_query(_asked(query))])[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._listed(self._embedder().embed_documents(texts))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._listed(await self._embedder().aembed_documents(texts))

    def _embedder(self) -> Embedder:
        return self._handle.embedder(options_of_fields(dict(self), _WORDS))

    def _listed(self, vectors: Iterable[Any]) -> list[Embedding]:
        """Arrays as plain lists; refused if a cache would hand them out for texts of another role."""
        if self.embeddings_cache is not None and not self._embedder().symmetric:
            raise OptionError(
                "embeddings_cache does not know queries from documents, which this model embeds differently"
            )
        return [vector.tolist() for vector in vectors]


def _asked(query: str) -> str:
    """The query; a retriever tool ends its queries with newlines, which are not part of them."""
    return check_query(query).rstrip("\n")
