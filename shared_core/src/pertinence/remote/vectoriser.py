"""Remote engine of `Embedder`: it sends texts to a server and returns every vector, or raises an error."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from pertinence.embedder_options import EmbedderOptions
from pertinence.errors import OptionError
from pertinence.remote.connection import CallResult, Connection
from pertinence.scorer import Float32
from pertinence.texts import is_empty
from pertinence.vectors import Embeddings, Form, Role

__all__ = ["RemoteVectoriser"]


class RemoteVectoriser:
    """Vectorizer that uses the server at `options.base_url`.

    Raises:
        OptionError: the dialect is unknown, an option applies only to local models, or `normalize` is False.
    """

    def __init__(self, options: EmbedderOptions) -> None:
        if options.normalize is False:
            raise OptionError("normalize=False cannot be had of a server, which may have normalised already")
        self._options = options
        self._connection = Connection(options, "embed", dimensions=options.truncate_dim)
        self._connection.close_when_collected(self)
        self._dims: int | None = None
        self.name = self._connection.name

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        """Send the texts and return a future at once. Canceling the future cancels its requests.

        Raises:
            ClosedError: the vectorizer was closed.
        """

        def embeddings(asked: CallResult) -> Embeddings:
            form = self._form(asked.answer.values)
            self._dims = form.dims
            # No embedding dialect reports whether the server truncated a text.
            return Embeddings(
                values=form.of(asked.answer.values),
                truncated=None,
                empty=sum(map(is_empty, texts)),
                repaired=asked.repaired,
                usage=asked.answer.usage,
            )

        return self._connection.ask("", texts, embeddings)

    def warm_up(self) -> Future[None]:
        """Return a future that is already done: there is nothing to load."""
        ready: Future[None] = Future()
        ready.set_result(None)
        return ready

    @property
    def dims(self) -> int:
        """Length of a returned vector. If none was returned yet, one text is embedded to find out."""
        if self._dims is None:
            self.submit("document", ["a"]).result()
        assert self._dims is not None
        return self._dims

    def prompt(self, role: Role) -> str:
        """Return an empty prompt: the server adds its own prefix to a text, if any."""
        return ""

    @property
    def rows_run(self) -> int:
        """Number of texts embedded so far; equal texts of one call count once."""
        return self._connection.answered

    def _form(self, rows: Float32) -> Form:
        """Return the form into which the server's vectors are converted.

        Raises:
            OptionError: the vectors are shorter than `truncate_dim`, or the ranges have another length.
        """
        asked, given = self._options, rows.shape[1]
        width = asked.truncate_dim or given
        if width > given:
            raise OptionError(f"truncate_dim is {width}, but {self.name} gives {given} numbers")
        # A server that cuts unit vectors normalizes them again. If they are cut here, do the same.
        renormalised = width < given and bool(np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3))
        return Form(
            width=width,
            normalise="after" if asked.normalize or renormalised else None,
            precision=asked.precision,
            ranges=asked.ranges,
        )

    def close(self) -> None:
        """Close the connection. Pending requests fail with `ClosedError`."""
        self._connection.close()
