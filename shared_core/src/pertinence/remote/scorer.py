"""The remote wing of `Reranker`: texts go to a server, and every score comes back, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from pertinence.options import Options
from pertinence.remote.connection import Asked, Connection
from pertinence.remote.detection import Found
from pertinence.remote.settings import check_kind
from pertinence.scorer import Scores
from pertinence.texts import is_empty

__all__ = ["RemoteScorer"]


class RemoteScorer:
    """Scores through the server that `options.base_url` names; nothing is sent before the first request.

    Raises:
        OptionError: an unknown dialect, an option that no server follows, or a score kind that cannot be had.
    """

    def __init__(self, options: Options) -> None:
        self._kind = options.score_kind
        self._connection = Connection(options, "rerank")
        if self._connection.dialect is not None:
            check_kind(self._connection.dialect, self._kind)
        self._connection.end_with(self)
        self.name = self._connection.name

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Send the request and return at once; cancelling the future cancels its requests.

        Raises:
            ClosedError: the scorer was closed.
        """

        def scores(asked: Asked) -> Scores:
            return self._scores(asked, texts)

        return self._connection.ask(query, texts, scores)

    def warm_up(self) -> Future[None]:
        """A future that is done when the server is known, if it must be asked what it is.

        Raises:
            ClosedError: the scorer was closed.
        """
        if self._connection.dialect is not None:
            ready: Future[None] = Future()
            ready.set_result(None)
            return ready
        return _emptied(self._connection.look())

    @property
    def rows_run(self) -> int:
        """How many different texts were scored so far."""
        return self._connection.answered

    def close(self) -> None:
        """Close the connection; requests of this scorer that wait are answered with `ClosedError`."""
        self._connection.close()

    def _scores(self, asked: Asked, texts: Sequence[str]) -> Scores:
        dialect = asked.dialect
        check_kind(dialect, self._kind)
        scores = Scores(
            values=asked.answer.values,
            kind=dialect.kind,
            # A server that refuses what is too long has cut nothing.
            truncated=0 if dialect.cuts is False else None,
            empty=sum(map(is_empty, texts)),
            repaired=asked.repaired,
            usage=asked.answer.usage,
        )
        return replace(scores, kind="raw") if self._kind == "raw" else scores


def _emptied(found: Future[Found]) -> Future[None]:
    """The same future without what was found."""
    done: Future[None] = Future()

    def pass_on(ended: Future[Found]) -> None:
        if ended.cancelled():
            done.cancel()
        elif (error := ended.exception()) is not None:
            done.set_exception(error)
        else:
            done.set_result(None)

    found.add_done_callback(pass_on)
    return done
