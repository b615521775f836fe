"""What becomes of a request that had no success: an error, and whether sending it again may help (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from pertinence.errors import AuthenticationError, EndpointError, EndpointTimeoutError, UnknownModelError
from pertinence.remote.dialects import Call
from pertinence.remote.refusals import Refusal, refusal
from pertinence.remote.settings import API_KEY, Settings, host_of

__all__ = ["CONNECT", "READ", "RefusedError", "TemporaryError", "failed", "refused"]

# Seconds for a connection, and between two signs of life of an answer.
CONNECT = 5.0
READ = 60.0


class RefusedError(EndpointError):
    """An answer that is no success, with what it means; a smaller request may fare better."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message, status=refusal.status)
        self.refusal = refusal


class TemporaryError(Exception):
    """What may be gone when the request is sent again."""

    def __init__(self, told: EndpointError, *, wait: float | None = None, once: bool = False) -> None:
        super().__init__(str(told))
        self.told = told
        self.wait = wait
        self.once = once


def failed(settings: Settings, problem: Exception) -> Exception:
    """What became of a request that had no answer."""
    host = host_of(settings.base_url)
    what = f"{type(problem).__name__}: {problem}".rstrip(": ")
    told = EndpointError(f"{host} cannot be reached: {what}")
    if isinstance(problem, httpx2.ConnectTimeout):
        return TemporaryError(EndpointTimeoutError(f"{host} took no connection within {CONNECT:g} s"))
    if isinstance(problem, httpx2.TimeoutException):
        return EndpointTimeoutError(f"{host} sent nothing for {READ:g} s")
    if isinstance(problem, httpx2.ConnectError) and "CERTIFICATE" not in str(problem):
        return TemporaryError(told)
    if isinstance(problem, httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError):
        return TemporaryError(EndpointError(f"{host} broke off: {what}"))
    return told


def refused(
    settings: Settings, status: int, headers: Mapping[str, str], body: bytes, sent: Call
) -> Exception:
    """What an answer means that is no success."""
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
    """Where a redirect leads, without what may be in its path."""
    try:
        parts = urlsplit(location)
        return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "elsewhere"
    except ValueError:
        return "elsewhere"
