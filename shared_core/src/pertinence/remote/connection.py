"""What the remote scorer and the remote vectoriser share: settings, a dialect, and calls on the loop."""

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

__all__ = ["Asked", "Connection"]

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An answer for every text of a call, equal ones included.

    Attributes:
        answer: its values in the order of the texts.
        dialect: how the server was asked.
        repaired: how many texts held a lone surrogate.
    """

    answer: Answer
    dialect: Dialect
    repaired: int


class Connection:
    """One holder's way to a server: equal settings share one client on the loop."""

    def __init__(self, options: Options, task: Task, *, dimensions: int | None = None) -> None:
        self.task = task
        self.dimensions = dimensions
        self.dialect = chosen_dialect(options, task)
        self.settings = settings_of(options, self.dialect or default_dialect(task))
        self.model = options.model
        self.name = options.model or urlsplit(self.settings.base_url).netloc
        self.answered = 0
        self._closed = False

    def end_with(self, holder: object) -> None:
        """Close when `holder` is dropped."""
        # From a thread of its own: the collector may run anywhere, on the loop too, with locks held.
        weakref.finalize(holder, _close_aside, self).atexit = False

    def ask(self, query: str, texts: Sequence[str], use: Callable[[Asked], R]) -> Future[R]:
        """What `use` makes of the server's answer; it returns at once.

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

    def look(self) -> Future[Found]:
        """What the server says that it is.

        Raises:
            ClosedError: the connection was closed.
        """
        return self._start(detect)

    def close(self) -> None:
        """Answer what waits with `ClosedError` and hold the client no longer. Closing twice is fine."""
        self._closed = True
        loop.withdraw(self)
        loop.unshare(self, self.settings)

    def _start(self, work: Callable[[Client], Coroutine[Any, Any, R]]) -> Future[R]:
        if self._closed:
            raise ClosedError(f"the connection to {self.name} is closed")
        # Looked up for every call: a forked child has a client of its own.
        client = loop.share(self, self.settings, self._make)
        return loop.start(self, lambda: work(client))

    def _make(self) -> Client:
        return Client(self.settings)

    async def _ask(self, client: Client, query: str, texts: Sequence[str], use: Callable[[Asked], R]) -> R:
        timeout = self.settings.timeout
        try:
            async with asyncio.timeout(timeout) as limit:
                return use(await self._answer(client, query, texts, limit.when() or 0.0))
        except TimeoutError as error:
            if isinstance(error, EndpointTimeoutError):
                raise
        host = host_of(self.settings.base_url)
        raise EndpointTimeoutError(f"{timeout:g} s were over before {host} had answered all of this call")

    async def _answer(self, client: Client, query: str, texts: Sequence[str], deadline: float) -> Asked:
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
        return Asked(answer=answer, dialect=dialect, repaired=repaired)

    def _count(self, texts: int) -> None:
        self.answered += texts


def _repaired(texts: Sequence[str]) -> tuple[list[str], int]:
    """The texts without lone surrogates, and how many had one."""
    own = list(texts)
    try:
        "".join(own).encode()
    except UnicodeEncodeError:
        pairs = [repair(text) for text in own]
        return [text for text, _ in pairs], sum(changed for _, changed in pairs)
    return own, 0


def _close_aside(connection: Connection) -> None:
    threading.Thread(target=connection.close, name="pertinence-release", daemon=True).start()
