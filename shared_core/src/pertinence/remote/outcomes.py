"""Errors for failed requests, including whether a retry may help (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from pertinence.errors import AuthenticationError, EndpointError, EndpointTimeoutError, UnknownModelError
from pertinence.remote.dialects import Call
from pertinence.remote.refusals import Refusal, refusal
from pertinence.remote.settings import API_KEY, Settings, host_of

__all__ = ["CONNECT", "READ", "RefusedError", "TemporaryError", "failed", "refused"]

# Timeouts in seconds: to open a connection, and without any data from the server.
CONNECT = 5.0
READ = 60.0


class RefusedError(EndpointError):
    """Error for a request that the server refuses, with its meaning. A smaller request may succeed."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message, status=refusal.status)
        self.refusal = refusal


class TemporaryError(Exception):
    """Failure that may not occur again when the request is sent again.

    Args:
        final_error: error to raise when no attempt is left.
        wait: additional seconds to wait before the next attempt; None for none.
        once: True if only one further attempt is useful.
    """

    def __init__(self, final_error: EndpointError, *, wait: float | None = None, once: bool = False) -> None:
        super().__init__(str(final_error))
        self.final_error = final_error
        self.wait = wait
        self.once = once


def failed(settings: Settings, problem: Exception) -> Exception:
    """Return the error for a request that got no response: a `TemporaryError` if a retry may help."""
    host = host_of(settings.base_url)
    what = f"{type(problem).__name__}: {problem}".rstrip(": ")
    final_error = EndpointError(f"{host} cannot be reached: {what}")
    if isinstance(problem, httpx2.ConnectTimeout):
        return TemporaryError(EndpointTimeoutError(f"{host} took no connection within {CONNECT:g} s"))
    if isinstance(problem, httpx2.TimeoutException):
        return EndpointTimeoutError(f"{host} sent nothing for {READ:g} s")
    if isinstance(problem, httpx2.ConnectError) and "CERTIFICATE" not in str(problem):
        return TemporaryError(final_error)
    if isinstance(problem, httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError):
        return TemporaryError(EndpointError(f"{host} broke off: {what}"))
    return final_error


def refused(
    settings: Settings, status: int, headers: Mapping[str, str], body: bytes, sent: Call
) -> Exception:
    """Return the error for an unsuccessful response: a `TemporaryError` if a retry may help."""
    found = refusal(status, headers, body, sent=[sent.query, *sent.texts])
    said = f": {found.message}" if found.message else ""
    host = host_of(settings.base_url)
    answered = f"{host} answered {status}{said}"
    if found.meaning == "busy":
        return TemporaryError(EndpointError(answered, status=status), wait=found.wait)
    if found.meaning == "failed":
        return TemporaryError(EndpointError(answered, status=status), wait=found.wait, once=True)
    if found.meaning == "key":
        needs = (
            f"the key was not accepted by {host}"
            if settings.key
            else f"{host} needs a key: api_key or {API_KEY}"
        )
        return AuthenticationError(f"{needs} ({status}{said})", status=status)
    if found.meaning == "credit":
        return EndpointError(f"{host} asks for payment or has a quota ({status}{said})", status=status)
    if found.meaning == "model":
        return UnknownModelError(f"{host} does not know the model ({status}{said})", status=status)
    if found.meaning == "redirect":
        place = _place(headers.get("location", ""))
        return EndpointError(
            f"{host} redirects to {place} ({status}); no key is sent after a redirect: give the final "
            "address as base_url",
            status=status,
        )
    if found.meaning in ("size", "input"):
        return RefusedError(answered, found)
    hint = "; is the path of base_url right, and the dialect?" if status in (404, 405, 501) else ""
    return EndpointError(f"{answered}{hint}", status=status)


def _place(location: str) -> str:
    """Return the scheme and host of a redirect's target. The rest, such as its path, is not repeated."""
    try:
        parts = urlsplit(location)
        return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "elsewhere"
    except ValueError:
        return "elsewhere"
