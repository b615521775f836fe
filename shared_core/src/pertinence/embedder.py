"""`Embedder`: maps queries and documents to vectors, synchronously or asynchronously."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Unpack, get_args

import numpy as np

from pertinence.embedder_options import EmbedderOptions, EmbedderValues
from pertinence.engines import open_vectoriser
from pertinence.errors import InputError, OptionError
from pertinence.lifecycle import Opened, wait
from pertinence.options import Options
from pertinence.texts import Affixed, check_documents, check_query, check_texts, is_empty
from pertinence.vectors import Embeddings, Role, Vectoriser, Vectors, number_of

__all__ = ["Embedder"]

_log = logging.getLogger(__name__)


class Embedder(Opened[Vectoriser]):
    """Embedder of queries and documents. It pools and normalizes as the model's own modules specify.

    The model is loaded on first use (or by `warm_up`) and shared with every other embedder of this process
    that names the same model. All methods may be called from any thread and any event loop.

    It accepts sentence-transformers models, and plain transformers models, which it uses with mean pooling.
    The prompts that the model's settings define for queries and documents come first, then `query_prefix` or
    `document_prefix`. Texts over the model's limit are truncated, counted and logged.

    Args:
        model: a folder, or a name on the hub; there is no embedded default. With `base_url`, the server's
            name of the model, or None if the server has only one.
        **options: the fields of `pertinence.integration.EmbedderOptions`; `max_length` counts the tokens of
            one text.

    Raises:
        OptionError: an option does not exist or is not for embedders, a value is not accepted, or no model is
            named.
    """

    def __init__(
        self, model: str | os.PathLike[str] | None = None, **options: Unpack[EmbedderValues]
    ) -> None:
        self._setup(EmbedderOptions.of({"model": model, **options}), None)

    def _setup(self, options: Options, engine: Vectoriser | None) -> None:
        options = EmbedderOptions.from_options(options)
        if options.model is None and options.base_url is None:
            raise OptionError("model is missing: name an embedding model, there is no embedded default")
        super()._setup(options, engine)
        self._told_of_cuts = False
        if engine is None and options.base_url is not None:
            self._open()  # report errors such as an unknown dialect now; nothing is sent yet

    @property
    def dims(self) -> int:
        """Number of elements per returned vector.

        Reading it looks up the model's files but does not load the model.
        """
        return self._open().dims

    @property
    def prompts(self) -> tuple[str, str]:
        """Texts that the model's own settings put before every query and before every document."""
        vectoriser = self._open()
        return vectoriser.prompt("query"), vectoriser.prompt("document")

    @property
    def symmetric(self) -> bool:
        """True if a text has the same vector as a query and as a document.

        Reading it looks up the model's files.
        """
        options = self._options
        before = options.query_prefix == options.document_prefix
        after = options.query_suffix == options.document_suffix
        return before and after and len(set(self.prompts)) == 1

    def embed_query(self, query: str) -> Vectors:
        """Embed a query.

        The vector has shape (dims,). It is float32 unless `precision` asks for another type.

        Raises:
            InputError: the query is not a string, or is empty.
            ModelError: the model cannot be found or loaded, or is of an unsupported kind.
            ScoreError: the model returned a value that is not finite.
            ClosedError: the embedder was closed.
        """
        return self._vector(wait(self._submit("query", [check_query(query)])))

    async def aembed_query(self, query: str) -> Vectors:
        """Run `embed_query` without blocking the event loop. Cancelling the task withdraws the request."""
        return self._vector(await asyncio.wrap_future(self._submit("query", [check_query(query)])))

    def embed_documents(self, documents: Sequence[str]) -> Vectors:
        """Embed documents.

        The vectors are in input order, of shape (documents, dims), with the same dtype as for `embed_query`.

        An empty document is embedded like any other. An empty list gives shape (0, dims). For that, the
        model's files are looked up to find `dims`, but the model is not loaded.

        Raises:
            InputError: a document is not a string; the message names its index.
            ModelError: the model cannot be found or loaded, or is of an unsupported kind.
            ScoreError: the model returned a value that is not finite.
            ClosedError: the embedder was closed.
        """
        return self.embed(documents).values

    async def aembed_documents(self, documents: Sequence[str]) -> Vectors:
        """Run `embed_documents` without blocking the event loop."""
        return (await self.aembed(documents)).values

    def embed(self, texts: Sequence[str], role: Role = "document") -> Embeddings:
        """Embed texts of one role.

        The result holds the vectors, the number of truncated texts and the usage counts of a server.

        Raises:
            InputError: a text is not a string, or is an empty query; the message names its index.
            ModelError, ScoreError, ClosedError: as for `embed_documents`.
        """
        checked = _checked(texts, role)
        return self._told(wait(self._submit(role, checked))) if checked else self._nothing()

    async def aembed(self, texts: Sequence[str], role: Role = "document") -> Embeddings:
        """Run `embed` without blocking the event loop."""
        checked = _checked(texts, role)
        if not checked:
            return await asyncio.to_thread(self._nothing)
        return self._told(await asyncio.wrap_future(self._submit(role, checked)))

    def _make_engine(self, options: Options) -> Vectoriser:
        return open_vectoriser(EmbedderOptions.from_options(options))

    def _submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        options = self._options
        prefix, suffix = options.document_prefix, options.document_suffix
        if role == "query":
            prefix, suffix = options.query_prefix, options.query_suffix
        return self._open().submit(role, Affixed(prefix, texts, suffix) if prefix or suffix else texts)

    def _vector(self, embeddings: Embeddings) -> Vectors:
        vector: Vectors = self._told(embeddings).values[0]
        return vector

    def _nothing(self) -> Embeddings:
        options = EmbedderOptions.from_options(self._options)
        return Embeddings(values=np.empty((0, self.dims), dtype=number_of(options.precision)))

    def _told(self, embeddings: Embeddings) -> Embeddings:
        """Log how many texts were truncated, if any, and return `embeddings`.

        The first time it is a warning, later an info message.
        """
        if embeddings.truncated:
            level = logging.INFO if self._told_of_cuts else logging.WARNING
            self._told_of_cuts = True
            count = f"{embeddings.truncated} of {len(embeddings.values)}"
            _log.log(level, "%s texts were cut to what %s reads", count, self.model)
        return embeddings


def _checked(texts: Sequence[str], role: Role) -> list[str]:
    if role not in get_args(Role):
        raise InputError(f"role must be query or document, not {role!r}")
    checked = check_texts(check_documents(texts))
    if role == "query":
        for index, text in enumerate(checked):
            if is_empty(text):
                raise InputError(f"query {index} is empty or only whitespace")
    return checked
