"""`Embedder`: queries and documents to vectors, synchronously or not."""

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
    """Maps queries and documents to vectors, pooled and normalised as the model's own modules say.

    The model is loaded on first use (or by `warm_up`) and shared with every other embedder of this
    process that names the same one. All methods may be called from any thread and any event loop.

    It takes sentence-transformers models, and plain ones of transformers, with mean pooling. Prompts that
    the model's own settings hold for queries and for documents come first, then `query_prefix` or
    `document_prefix`. Texts over the model's limit are cut, and counted; the log tells of it.

    Args:
        model: a folder, or a name on the hub; there is no embedded default. With `base_url`, the
            server's name for it, and None if it has but one.
        **options: the fields of `pertinence.integration.EmbedderOptions`; `max_length` counts the
            tokens of one text.

    Raises:
        OptionError: an option that does not exist or is none of an embedder's, a value that it does
            not take, or no model.
    """

    def __init__(
        self, model: str | os.PathLike[str] | None = None, **options: Unpack[EmbedderValues]
    ) -> None:
        self._setup(EmbedderOptions.of({"model": model, **options}), None)

    def _setup(self, options: Options, wing: Vectoriser | None) -> None:
        options = EmbedderOptions.from_options(options)
        if options.model is None and options.base_url is None:
            raise OptionError("model is missing: name an embedding model, there is no embedded default")
        super()._setup(options, wing)
        self._told_of_cuts = False
        if wing is None and options.base_url is not None:
            self._open()  # so that an unknown dialect, say, is told now: nothing is sent yet

    @property
    def dims(self) -> int:
        """Numbers per vector as it comes; the model's files are looked for, and no model is loaded."""
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

    def embed_query(self, query: str) -> Vectors:
        """The vector of a query, of shape (dims,); float32, unless `precision` asks for another.

        Raises:
            InputError: the query is no string, or empty.
            ModelError: the model cannot be found or loaded, or is of a kind that is not taken.
            ScoreError: the model gave something that is not finite.
            ClosedError: the embedder was closed.
        """
        return self._vector(wait(self._submit("query", [check_query(query)])))

    async def aembed_query(self, query: str) -> Vectors:
        """`embed_query` for an event loop, which stays free meanwhile; cancelling it withdraws the work."""
        return self._vector(await asyncio.wrap_future(self._submit("query", [check_query(query)])))

    def embed_documents(self, documents: Sequence[str]) -> Vectors:
        """The vectors of documents, in input order, of shape (documents, dims); dtype as `embed_query`'s.

        An empty document is embedded like any other. An empty list gives shape (0, dims): the model's
        files are looked for, to know `dims`, and the model is not loaded.

        Raises:
            InputError: a document is not a string; its index is named.
            ModelError: the model cannot be found or loaded, or is of a kind that is not taken.
            ScoreError: the model gave something that is not finite.
            ClosedError: the embedder was closed.
        """
        return self.embed(documents).values

    async def aembed_documents(self, documents: Sequence[str]) -> Vectors:
        """`embed_documents` for an event loop."""
        return (await self.aembed(documents)).values

    def embed(self, texts: Sequence[str], role: Role = "document") -> Embeddings:
        """The vectors of texts of one role, with how many were cut and what a server says it counted.

        Raises:
            InputError: a text is not a string, or is a query with nothing in it; its index is named.
            ModelError, ScoreError, ClosedError: as `embed_documents`.
        """
        checked = _checked(texts, role)
        return self._told(wait(self._submit(role, checked))) if checked else self._nothing()

    async def aembed(self, texts: Sequence[str], role: Role = "document") -> Embeddings:
        """`embed` for an event loop."""
        checked = _checked(texts, role)
        if not checked:
            return await asyncio.to_thread(self._nothing)
        return self._told(await asyncio.wrap_future(self._submit(role, checked)))

    def _make_wing(self, options: Options) -> Vectoriser:
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
        """The same; if texts were cut, the log tells of it, loudly once."""
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
