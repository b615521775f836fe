"""Remote engine of `Reranker`: it sends texts to a server and returns every score, or raises an error."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from pertinence.options import Options
from pertinence.remote.connection import CallResult, Connection
from pertinence.remote.detection import Found
from pertinence.remote.settings import check_kind
from pertinence.scorer import Scores
from pertinence.texts import is_empty

__all__ = ["RemoteScorer"]


class RemoteScorer:
    """Scorer that uses the server at `options.base_url`. It sends nothing before the first request.

    Raises:
        OptionError: the dialect is unknown, an option applies only to local models, or the dialect cannot
            provide the score kind.
    """

    def __init__(self, options: Options) -> None:
        self._kind = options.score_kind
        self._connection = Connection(options, "rerank")
        if self._connection.dialect is not None:
            check_kind(self._connection.dialect, self._kind)
        self._connection.close_when_collected(self)
        self.name = self._connection.name

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        """Send the texts and return a future at once. Canceling the future cancels its requests.

        Raises:
            ClosedError: the scorer was closed.
        """

        def scores(asked: CallResult) -> Scores:
            return self._scores(asked, texts)

        return self._connection.ask(query, texts, scores)

    def warm_up(self) -> Future[None]:
        """Detect the server if the dialect is `auto`, and return a future that is done afterwards.

        Raises:
            ClosedError: the scorer was closed.
        """
        if self._connection.dialect is not None:
            ready: Future[None] = Future()
            ready.set_result(None)
            return ready
        return _emptied(self._connection.detect_server())

    @property
    def rows_run(self) -> int:
        """Number of texts scored so far; equal texts of one call count once."""
        return self._connection.answered

    def close(self) -> None:
        """Close the connection. Pending requests of this scorer fail with `ClosedError`."""
        self._connection.close()

    def _scores(self, asked: CallResult, texts: Sequence[str]) -> Scores:
        dialect = asked.dialect
        check_kind(dialect, self._kind)
        scores = Scores(
            values=asked.answer.values,
            kind=dialect.kind,
            # A server that refuses texts that are too long has not truncated any.
            truncated=0 if dialect.cuts is False else None,
            empty=sum(map(is_empty, texts)),
            repaired=asked.repaired,
            usage=asked.answer.usage,
        )
        return replace(scores, kind="raw") if self._kind == "raw" else scores


def _emptied(found: Future[Found]) -> Future[None]:
    """Return a future that ends like `found`, but with None as its result."""
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
