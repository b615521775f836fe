"""The remote wing of `Embedder`: texts go to a server, and every vector comes back, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from pertinence.embedder_options import EmbedderOptions
from pertinence.errors import OptionError
from pertinence.remote.connection import Asked, Connection
from pertinence.scorer import Float32
from pertinence.texts import is_empty
from pertinence.vectors import Embeddings, Form, Role

__all__ = ["RemoteVectoriser"]


class RemoteVectoriser:
    """Embeds through the server that `options.base_url` names.

    Raises:
        OptionError: an unknown dialect, or an option that no server follows.
    """

    def __init__(self, options: EmbedderOptions) -> None:
        if options.normalize is False:
            raise OptionError("normalize=False cannot be had of a server, which may have normalised already")
        self._options = options
        self._connection = Connection(options, "embed", dimensions=options.truncate_dim)
        self._connection.end_with(self)
        self._dims: int | None = None
        self.name = self._connection.name

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        """Send the request and return at once; cancelling the future cancels its requests.

        Raises:
            ClosedError: the vectoriser was closed.
        """

        def embeddings(asked: Asked) -> Embeddings:
            form = self._form(asked.answer.values)
            self._dims = form.dims
            # No dialect of embeddings says whether it cut.
            return Embeddings(
                values=form.of(asked.answer.values),
                truncated=None,
                empty=sum(map(is_empty, texts)),
                repaired=asked.repaired,
                usage=asked.answer.usage,
            )

        return self._connection.ask("", texts, embeddings)

    def warm_up(self) -> Future[None]:
        """Nothing is to be loaded here."""
        ready: Future[None] = Future()
        ready.set_result(None)
        return ready

    @property
    def dims(self) -> int:
        """Numbers per vector; the server is asked for one if it has not given any yet."""
        if self._dims is None:
            self.submit("document", ["a"]).result()
        assert self._dims is not None
        return self._dims

    def prompt(self, role: Role) -> str:
        """Nothing: what a server puts before a text is its own affair."""
        return ""

    @property
    def rows_run(self) -> int:
        """How many different texts were embedded so far."""
        return self._connection.answered

    def _form(self, rows: Float32) -> Form:
        """What becomes of the server's vectors.

        Raises:
            OptionError: they have fewer numbers than are to be kept, or ranges are of another count.
        """
        asked, given = self._options, rows.shape[1]
        width = asked.truncate_dim or given
        if width > given:
            raise OptionError(f"truncate_dim is {width}, but {self.name} gives {given} numbers")
        # A server that cuts vectors of length 1 brings them to it again: so is done in its place.
        renormalised = width < given and bool(np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3))
        return Form(
            width=width,
            normalise="after" if asked.normalize or renormalised else None,
            precision=asked.precision,
            ranges=asked.ranges,
        )

    def close(self) -> None:
        """Close the connection; requests that wait are answered with `ClosedError`."""
        self._connection.close()
