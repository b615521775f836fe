"""Connection to a server, shared code of the remote scorer and vectorizer: settings, dialect, calls."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pertinence.errors import ClosedError, EndpointTimeoutError
from pertinence.options import Options
from pertinence.remote import loop
from pertinence.remote.detection import Found, detect
from pertinence.remote.dialects import Answer, Call, Dialect, Task
from pertinence.remote.http import Client
from pertinence.remote.sending import Sending
from pertinence.remote.settings import chosen_dialect, default_dialect, host_of, settings_of
from pertinence.remote.tracing import traced
from pertinence.texts import repair

__all__ = ["CallResult", "Connection"]

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """Response to one call, with a value for every text, duplicates included.

    Attributes:
        answer: values in the order of the texts.
        dialect: dialect of the requests that were sent.
        repaired: number of texts that held a lone surrogate.
    """

    answer: Answer
    dialect: Dialect
    repaired: int


class Connection:
    """Connection of one scorer or vectorizer to a server. Equal settings share one client on the loop."""

    def __init__(self, options: Options, task: Task, *, dimensions: int | None = None) -> None:
        self.task = task
        self.dimensions = dimensions
        self.dialect = chosen_dialect(options, task)
        self.settings = settings_of(options, self.dialect or default_dialect(task))
        self.model = options.model
        self.name = options.model or urlsplit(self.settings.base_url).netloc
        self.answered = 0
        self._closed = False

    def close_when_collected(self, holder: object) -> None:
        """Close the connection when `holder` is garbage-collected."""
        # Close in a separate thread: the garbage collector may run in any thread, even on the loop, while
        # locks are held.
        weakref.finalize(holder, _close_aside, self).atexit = False

    def ask(self, query: str, texts: Sequence[str], use: Callable[[CallResult], R]) -> Future[R]:
        """Send the texts and return at once a future with the result of `use` on the server's answer.

        Raises:
            ClosedError: the connection was closed.
        """
        attributes = {
            "server.address": host_of(self.settings.base_url),
            "gen_ai.request.model": self.model,
            "pertinence.dialect": self.dialect.name if self.dialect else "auto",
            "pertinence.texts": len(texts),
        }
        return traced(
            f"pertinence.{self.task}",
            attributes,
            lambda: self._start(lambda client: self._ask(client, query, texts, use)),
        )

    def detect_server(self) -> Future[Found]:
        """Detect the server's software and limits, and return a future with the result.

        Raises:
            ClosedError: the connection was closed.
        """
        return self._start(detect)

    def close(self) -> None:
        """Fail pending calls with `ClosedError` and release the client. Closing twice is fine."""
        self._closed = True
        loop.withdraw(self)
        loop.unshare(self, self.settings)

    def _start(self, work: Callable[[Client], Coroutine[Any, Any, R]]) -> Future[R]:
        if self._closed:
            raise ClosedError(f"the connection to {self.name} is closed")
        # Look the client up for every call: a forked child has its own client.
        client = loop.share(self, self.settings, self._make)
        return loop.start(self, lambda: work(client))

    def _make(self) -> Client:
        return Client(self.settings)

    async def _ask(
        self, client: Client, query: str, texts: Sequence[str], use: Callable[[CallResult], R]
    ) -> R:
        timeout = self.settings.timeout
        try:
            async with asyncio.timeout(timeout) as limit:
                return use(await self._answer(client, query, texts, limit.when() or 0.0))
        except TimeoutError as error:
            if isinstance(error, EndpointTimeoutError):
                raise
        host = host_of(self.settings.base_url)
        raise EndpointTimeoutError(f"{timeout:g} s were over before {host} had answered all of this call")

    async def _answer(self, client: Client, query: str, texts: Sequence[str], deadline: float) -> CallResult:
        dialect = self.dialect or (await detect(client)).dialect(self.task)
        own, repaired = _repaired(texts)
        # Equal texts are sent once.
        places: dict[str, int] = {}
        for place, text in enumerate(own):
            places.setdefault(text, place)
        sending = Sending(
            client=client,
            dialect=dialect,
            call=Call(
                query=repair(query)[0], texts=list(places), model=self.model, dimensions=self.dimensions
            ),
            places=list(places.values()),
            deadline=deadline,
            done=self._count,
        )
        answer = await sending.answer()
        if len(places) < len(own):
            order = {text: number for number, text in enumerate(places)}
            values = answer.values[[order[text] for text in own]]
            answer = Answer(values=values, usage=answer.usage)
        return CallResult(answer=answer, dialect=dialect, repaired=repaired)

    def _count(self, texts: int) -> None:
        self.answered += texts


def _repaired(texts: Sequence[str]) -> tuple[list[str], int]:
    """Return the texts without lone surrogates, and the number of texts that had one."""
    own = list(texts)
    try:
        "".join(own).encode()
    except UnicodeEncodeError:
        pairs = [repair(text) for text in own]
        return [text for text, _ in pairs], sum(changed for _, changed in pairs)
    return own, 0


def _close_aside(connection: Connection) -> None:
    threading.Thread(target=connection.close, name="pertinence-release", daemon=True).start()
