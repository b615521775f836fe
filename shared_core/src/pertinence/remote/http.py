"""HTTP client with one connection pool per configuration. It handles limits, deadlines and retries.

A request that fails in the end raises an error.
"""

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

# Upper bounds in seconds of the first and the longest wait between two attempts. Each wait is drawn
# uniformly from 0 to its bound (full jitter).
_WAIT = 0.25
_LONGEST_WAIT = 8.0
# Maximum number of bytes that are read. A longer successful response is an error. The rest of a longer
# error response would only repeat what was sent.
_MOST = 512 * 1024 * 1024
_MOST_ERROR = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """Successful response. Its headers can be looked up by lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """HTTP client for one configuration. It is used only on the background loop.

    Attributes:
        settings: configuration of the client.
        learned: maximum number of texts per request, learned from the server's refusals, by path.
        known: tasks that detect facts about the server, by name; all users of the client share them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.learned: dict[str, int] = {}
        self.known: dict[str, asyncio.Task[Any]] = {}
        self._free = asyncio.Semaphore(settings.concurrency)
        self._http: httpx2.AsyncClient | None = None
        self._urls: dict[str, httpx2.URL] = {}

    async def post(self, request: Request, deadline: float, sent: Call) -> Reply:
        """Send a request. Repeat it until it succeeds or another attempt would not help.

        Args:
            request: request to send.
            deadline: time of the loop after which no further attempt is made.
            sent: call from which the request was built; error messages do not repeat its texts.

        Raises:
            EndpointError: the request failed; `RefusedError` if the server refuses this request itself.
        """
        try:
            return await self._once(request, sent)
        except TemporaryError as error:
            first = error
        return await self._again(request, sent, deadline, first)

    async def get(self, url: str, patience: float) -> httpx2.Response | None:
        """Get an address of the configured host; return None on an error or after `patience` seconds."""
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
        """Retry a request after a temporary error.

        This is separate from `post`, so that a request that succeeds at once does not pay for the setup.
        """
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
            # Report the server's own error now rather than a timeout later.
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
        last.final_error.args = (f"{last.final_error}{tried}",)
        raise last.final_error

    async def _once(self, request: Request, sent: Call) -> Reply:
        url = self._urls.get(request.path)
        if url is None:
            url = self._urls[request.path] = httpx2.URL(url_of(self.settings.base_url, request.path))
        client = self._client()
        problem: Exception
        async with self._free:
            # Encode only now, so that a request that waits holds no second copy of its texts.
            content = json.dumps(request.body, ensure_ascii=False, allow_nan=False).encode()
            # The client's own builder would merge URLs, headers and cookies again for every request.
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
        # Raise outside of the except block, so that the library's error is not chained: it holds the request,
        # and the request holds the key.
        raise failed(self.settings, problem)

    def _headers(self, request: Request) -> httpx2.Headers:
        """Return the client's headers, merged with those of the request if it has any."""
        assert self._http is not None
        if not request.headers:
            return self._http.headers
        return httpx2.Headers({**self._http.headers, **request.headers})

    def _clean(self, text: T) -> T:
        """Mask the key in text that came from the server, so that no later message can show it."""
        key = self.settings.key
        if key is None:
            return text
        if isinstance(text, bytes):
            return text.replace(key.reveal().encode(), b"***")
        return text.replace(key.reveal(), "***")

    def _client(self) -> httpx2.AsyncClient:
        """Return the HTTP client with its connection pool. The first request creates it."""
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
                    # Reading the machine's certificates takes a tenth of a second. Plain HTTP skips it,
                    # because redirects are not followed.
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
    """Read the body of a response; of an error response, only the beginning."""
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
    """Return the trusted certificates in the form that the HTTP client expects; False to skip the check.

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
