"""One pooled HTTP client per configuration: limits, deadlines, retries; what cannot be had is an error."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import stamina

from pertinence.errors import OptionError
from pertinence.remote.dialects import Call, Request
from pertinence.remote.outcomes import CONNECT, READ, TemporaryError, failed, refused
from pertinence.remote.settings import Settings, url_of
from pertinence.remote.tracing import note

__all__ = ["Client", "Reply"]

T = TypeVar("T", str, bytes)

# First and longest wait between two tries; each is drawn evenly from nothing to the whole (full jitter).
_WAIT = 0.25
_LONGEST_WAIT = 8.0
# Of an answer: more is no answer. Of an error: more is an echo of what was sent.
_MOST = 512 * 1024 * 1024
_MOST_ERROR = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """A successful answer; its headers are found by names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Sends requests of one configuration; lives on the loop and is used there alone.

    Attributes:
        settings: the configuration.
        learned: texts per request that the server was found to take, by path.
        known: what was found out about the server, by whoever asked.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.learned: dict[str, int] = {}
        self.known: dict[str, asyncio.Task[Any]] = {}
        self._free = asyncio.Semaphore(settings.concurrency)
        self._http: httpx2.AsyncClient | None = None
        self._urls: dict[str, httpx2.URL] = {}

    async def post(self, request: Request, deadline: float, sent: Call) -> Reply:
        """Send a request until it succeeds, or until sending it again is no use.

        Args:
            request: what to send.
            deadline: the loop's time after which no further try is made.
            sent: what it was made of, which no error repeats.

        Raises:
            EndpointError: no success; `RefusedError` if it is the request that the server does not take.
        """
        try:
            return await self._once(request, sent)
        except TemporaryError as error:
            first = error
        return await self._again(request, sent, deadline, first)

    async def get(self, url: str, patience: float) -> httpx2.Response | None:
        """What is found at an address of the configured host; None if nothing answers there."""
        try:
            async with self._free, asyncio.timeout(patience):
                return await self._client().get(url)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError):
            return None

    async def aclose(self) -> None:
        """Close the connections."""
        for task in self.known.values():
            task.cancel()
        if self._http is not None:
            await self._http.aclose()

    async def _again(self, request: Request, sent: Call, deadline: float, first: TemporaryError) -> Reply:
        """The further tries; a function of its own, so that a request that succeeds pays for none of this."""
        left = deadline - asyncio.get_running_loop().time()
        tries = 0

        def wait_for(error: Exception) -> float | bool:
            nonlocal tries
            if not isinstance(error, TemporaryError):
                return False
            tries += 1
            if error.once and tries > 1:
                return False
            wait = random.uniform(0, min(_LONGEST_WAIT, _WAIT * 2 ** (tries - 1)))
            if error.wait is not None:
                wait += error.wait
            # Rather the server's own words now than a timeout later.
            if asyncio.get_running_loop().time() + wait >= deadline:
                return False
            note("retry", {"wait": wait, "because": str(error)})
            return wait

        attempts = stamina.retry_context(
            on=wait_for, attempts=self.settings.max_retries + 1, timeout=max(left, 0.001)
        )
        try:
            async for attempt in attempts:
                with attempt:
                    if attempt.num == 1:
                        raise first
                    return await self._once(request, sent)
        except TemporaryError as error:
            last, count = error, attempt.num
        tried = f" (sent {count} times)" if count > 1 else ""
        last.told.args = (f"{last.told}{tried}",)
        raise last.told

    async def _once(self, request: Request, sent: Call) -> Reply:
        url = self._urls.get(request.path)
        if url is None:
            url = self._urls[request.path] = httpx2.URL(url_of(self.settings.base_url, request.path))
        client = self._client()
        problem: Exception
        async with self._free:
            # Only now, so that what waits for its turn holds no second copy of its texts.
            content = json.dumps(request.body, ensure_ascii=False, allow_nan=False).encode()
            # Not by the client's own way, which merges URLs, headers and cookies anew for every request.
            message = httpx2.Request("POST", url, headers=self._headers(request), content=content)
            try:
                response = await client.send(message, stream=True)
                try:
                    body = self._clean(await _read(response))
                finally:
                    await response.aclose()
            except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError) as error:
                problem = error
            else:
                if response.is_success:
                    return Reply(response.status_code, response.headers, body)
                headers = {name.lower(): self._clean(value) for name, value in response.headers.items()}
                raise refused(self.settings, response.status_code, headers, body, sent)
        # Outside of the handler: the library's error holds the request, and the request the key.
        raise failed(self.settings, problem)

    def _headers(self, request: Request) -> httpx2.Headers:
        """The client's headers, and the dialect's own if it has any."""
        assert self._http is not None
        if not request.headers:
            return self._http.headers
        return httpx2.Headers({**self._http.headers, **request.headers})

    def _clean(self, told: T) -> T:
        """What the server said, without the key if it said that too: nothing after this can show it."""
        key = self.settings.key
        if key is None:
            return told
        if isinstance(told, bytes):
            return told.replace(key.reveal().encode(), b"***")
        return told.replace(key.reveal(), "***")

    def _client(self) -> httpx2.AsyncClient:
        """The pool of connections, opened with the first request."""
        if self._http is None:
            settings = self.settings
            headers = {"User-Agent": "pertinence", "Accept": "application/json", **dict(settings.headers)}
            headers["Content-Type"] = "application/json"
            if settings.key is not None:
                name, _, form = settings.auth.partition(": ")
                headers[name] = form.format(settings.key.reveal())
            try:
                self._http = httpx2.AsyncClient(
                    headers=headers,
                    # Reading the machine's certificates takes a tenth of a second: not for plain HTTP,
                    # which is never redirected to anything else.
                    verify=settings.base_url.startswith("https:") and _trusted(settings.verify),
                    proxy=settings.proxy,
                    timeout=httpx2.Timeout(READ, connect=CONNECT, pool=None),
                    limits=httpx2.Limits(
                        max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency
                    ),
                    follow_redirects=False,
                )
            except ImportError as error:
                raise OptionError(f"proxy={settings.proxy!r} needs a package: {error}") from None
        return self._http


async def _read(response: httpx2.Response) -> bytes:
    """The body; of an error no more than its beginning."""
    pieces: list[bytes] = []
    size = 0
    most = _MOST if response.is_success else _MOST_ERROR
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size >= most:
            if response.is_success:
                raise httpx2.DecodingError(f"the answer is longer than {_MOST} bytes")
            break
    return b"".join(pieces)[:most]


@cache
def _trusted(verify: bool | str) -> bool | ssl.SSLContext:
    """Whom to trust, as the client takes it.

    Raises:
        OptionError: there are no certificates at the path.
    """
    if isinstance(verify, bool):
        return httpx2.create_ssl_context() if verify else False
    path = Path(verify)
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise OptionError(f"verify={verify!r} holds no certificates: {error}") from None
