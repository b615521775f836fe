"""`Embedder`: queries and documents to vectors, synchronously or not."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypedDict, Unpack

import numpy as np

from pertinence.errors import OptionError
from pertinence.lifecycle import Opened, wait
from pertinence.options import BackendName, DtypeName, Options
from pertinence.scorer import Float32
from pertinence.texts import Affixed, check_documents, check_query, check_texts
from pertinence.vectors import Embeddings, Role, Vectoriser
from pertinence.wings import open_vectoriser

__all__ = ["Embedder", "EmbedderValues"]

_log = logging.getLogger(__name__)


class EmbedderValues(TypedDict, total=False):
    """The options of an embedder as keyword arguments: `OptionValues` less those that only rank."""

    query_prefix: str
    query_suffix: str
    document_prefix: str
    document_suffix: str
    device: str
    backend: BackendName
    dtype: DtypeName
    max_length: int | None
    batch_tokens: int | None
    max_queued: int | None
    trust_remote_code: bool
    revision: str | None
    token: str | None
    cache_folder: str | None
    local_files_only: bool
    model_kwargs: Mapping[str, Any] | None
    base_url: str | None
    dialect: str | Mapping[str, Any] | None
    api_key: str | None
    timeout: float
    max_retries: int
    concurrency: int
    headers: Mapping[str, str] | None
    verify: bool | str
    proxy: str | None


class Embedder(Opened[Vectoriser]):
    """Maps queries and documents to vectors, pooled and normalised as the model's own modules say.

    The model is loaded on first use (or by `warm_up`) and shared with every other embedder of this
    process that names the same one. All methods may be called from any thread and any event loop.

    It takes sentence-transformers models made of a Transformer, a Pooling and perhaps a Normalize, on
    the torch backend. Prompts that the model's own settings hold for queries and for documents come
    first, then `query_prefix` or `document_prefix`. Texts over the model's limit are cut, and the
    log tells of it.

    Args:
        model: a folder, or a name on the hub; there is no embedded default. With `base_url`, the
            server's name for it, and None if it has but one.
        **options: the fields of `pertinence.integration.Options` that `EmbedderValues` lists;
            `max_length` counts the tokens of one text.

    Raises:
        OptionError: an option that does not exist or is none of an embedder's, a value that it does
            not take, or no model.
    """

    def __init__(
        self, model: str | os.PathLike[str] | None = None, **options: Unpack[EmbedderValues]
    ) -> None:
        for name in options:
            if name in Options.names() and name not in EmbedderValues.__annotations__:
                raise OptionError(f"{name} is an option of rerankers; an embedder does not rank")
        self._setup(Options.of({"model": model, **options}), None)

    def _setup(self, options: Options, wing: Vectoriser | None) -> None:
        if options.model is None and options.base_url is None:
            raise OptionError("model is missing: name an embedding model, there is no embedded default")
        if options.backend == "onnx":
            raise OptionError("backend='onnx' does not run embedding models yet: they take 'torch' or 'auto'")
        super()._setup(options, wing)
        self._told_of_cuts = False
        if wing is None and options.base_url is not None:
            self._open()  # so that an unknown dialect, say, is told now: nothing is sent yet

    @property
    def dims(self) -> int:
        """Numbers per vector, as the model's files say; they are looked for, and no model is loaded."""
        return self._open().dims

    @property
    def prompts(self) -> tuple[str, str]:
        """What the model's own settings put before every query and before every document."""
        vectoriser = self._open()
        return vectoriser.prompt("query"), vectoriser.prompt("document")

    @property
    def symmetric(self) -> bool:
        """Whether a text has the same vector as a query and as a document; the files are looked for."""
        options = self._options
        before = options.query_prefix == options.document_prefix
        after = options.query_suffix == options.document_suffix
        return before and after and len(set(self.prompts)) == 1

    def embed_query(self, query: str) -> Float32:
        """The float32 vector of a query, of shape (dims,).

        Raises:
            InputError: the query is no string, or empty.
            ModelError: the model cannot be found or loaded, or is of a kind that is not taken.
            ScoreError: the model gave something that is not finite.
            ClosedError: the embedder was closed.
        """
        return self._vector(wait(self._submit_query(query)))

    async def aembed_query(self, query: str) -> Float32:
        """`embed_query` for an event loop, which stays free meanwhile; cancelling it withdraws the work."""
        return self._vector(await asyncio.wrap_future(self._submit_query(query)))

    def embed_documents(self, documents: Sequence[str]) -> Float32:
        """The float32 vectors of documents, in input order, of shape (documents, dims).

        An empty document is embedded like any other. An empty list gives shape (0, dims): the model's
        files are looked for, to know `dims`, and the model is not loaded.

        Raises:
            InputError: a document is not a string; its index is named.
            ModelError: the model cannot be found or loaded, or is of a kind that is not taken.
            ScoreError: the model gave something that is not finite.
            ClosedError: the embedder was closed.
        """
        texts = check_texts(check_documents(documents))
        return self._told(wait(self._submit_documents(texts))).values if texts else self._nothing()

    async def aembed_documents(self, documents: Sequence[str]) -> Float32:
        """`embed_documents` for an event loop."""
        texts = check_texts(check_documents(documents))
        if not texts:
            return await asyncio.to_thread(self._nothing)
        return self._told(await asyncio.wrap_future(self._submit_documents(texts))).values

    def _make_wing(self, options: Options) -> Vectoriser:
        return open_vectoriser(options)

    def _submit_query(self, query: str) -> Future[Embeddings]:
        options = self._options
        return self._submit("query", [check_query(query)], options.query_prefix, options.query_suffix)

    def _submit_documents(self, texts: Sequence[str]) -> Future[Embeddings]:
        options = self._options
        return self._submit("document", texts, options.document_prefix, options.document_suffix)

    def _submit(self, role: Role, texts: Sequence[str], prefix: str, suffix: str) -> Future[Embeddings]:
        if prefix or suffix:
            texts = Affixed(prefix, texts, suffix)
        return self._open().submit(role, texts)

    def _vector(self, embeddings: Embeddings) -> Float32:
        vector: Float32 = self._told(embeddings).values[0]
        return vector

    def _nothing(self) -> Float32:
        return np.empty((0, self.dims), dtype=np.float32)

    def _told(self, embeddings: Embeddings) -> Embeddings:
        """The same; if texts were cut, the log tells of it, loudly once."""
        if embeddings.truncated:
            level = logging.INFO if self._told_of_cuts else logging.WARNING
            self._told_of_cuts = True
            count = f"{embeddings.truncated} of {len(embeddings.values)}"
            _log.log(level, "%s texts were cut to what %s reads", count, self.model)
        return embeddings
