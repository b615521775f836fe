"""The remote wing of `Embedder`: texts go to a server, and every vector comes back, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from pertinence.options import Options
from pertinence.remote.connection import Asked, Connection
from pertinence.texts import is_empty
from pertinence.vectors import Embeddings, Role

__all__ = ["RemoteVectoriser"]


class RemoteVectoriser:
    """Embeds through the server that `options.base_url` names.

    Raises:
        OptionError: an unknown dialect, or an option that no server follows.
    """

    def __init__(self, options: Options) -> None:
        self._connection = Connection(options, "embed")
        self._connection.end_with(self)
        self._dims: int | None = None
        self.name = self._connection.name

    def submit(self, role: Role, texts: Sequence[str]) -> Future[Embeddings]:
        """Send the request and return at once; cancelling the future cancels its requests.

        Raises:
            ClosedError: the vectoriser was closed.
        """

        def embeddings(asked: Asked) -> Embeddings:
            values = asked.answer.values
            self._dims = values.shape[1]
            # No dialect of embeddings says whether it cut.
            return Embeddings(
                values=values, truncated=None, empty=sum(map(is_empty, texts)), repaired=asked.repaired
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

    def close(self) -> None:
        """Close the connection; requests that wait are answered with `ClosedError`."""
        self._connection.close()
