"""Detection of the server software for `dialect="auto"`. It asks only the configured host, and only once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx2

from pertinence.remote.dialects import DEFAULTS, Dialect, Task, find
from pertinence.remote.dialects.reading import parsed
from pertinence.remote.http import Client
from pertinence.remote.settings import host_of

__all__ = ["Found", "detect"]

_PATIENCE = 5.0
_RERANKS: Mapping[str, str] = {
    "TEI": "tei",
    "vLLM": "cohere",
    "llama.cpp": "llamacpp",
    "Infinity": "infinity",
    "LiteLLM": "cohere",
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """Facts that were detected about a server.

    Attributes:
        software: name of the server software; None if it was not recognized.
        version: version of the software; None if the server does not report it.
        model: model that the server serves; None if the server does not report it.
        limits: limits that the server reports, under its own names.
    """

    software: str | None = None
    version: str | None = None
    model: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)

    def dialect(self, task: Task) -> Dialect:
        """Return the dialect for this server, with the batch size that the server reports."""
        name = DEFAULTS[task] if task == "embed" or self.software is None else _RERANKS[self.software]
        dialect = find(name, task)
        batch = self.limits.get("max_client_batch_size")
        return dialect if batch is None else replace(dialect, batch=batch)


async def detect(client: Client) -> Found:
    """Detect the server software. The result is cached as long as the client lives."""
    asking = client.known.get("server")
    if asking is None or asking.cancelled():
        asking = client.known["server"] = asyncio.ensure_future(_detect(client))
    # Shielded, so that a caller that is cancelled does not cancel the detection for other callers.
    found: Found = await asyncio.shield(asking)
    return found


async def _detect(client: Client) -> Found:
    base = client.settings.base_url.partition("?")[0].rstrip("/")
    # The path of the base URL often belongs to one API of the server, so the server's root is tried too.
    places = [base, host_of(base)] if urlsplit(base).path else [base]
    for place in places:
        found = await _look(client, place)
        if found.software is not None:
            return found
    return Found()


async def _look(client: Client, place: str) -> Found:
    names = ("/info", "/version", "/openapi.json")
    answers = await asyncio.gather(*(client.get(place + name, _PATIENCE) for name in names))
    info, version, api = (_object(answer) for answer in answers)
    if any("llama.cpp" in answer.headers.get("server", "") for answer in answers if answer is not None):
        return Found(software="llama.cpp")
    if "model_type" in info and "max_client_batch_size" in info:
        limits = {
            name: value
            for name, value in info.items()
            if name.startswith("max_") and type(value) is int and value > 0
        }
        return Found(
            software="TEI", version=_text(info, "version"), model=_text(info, "model_id"), limits=limits
        )
    about = api.get("info")
    title = str(about.get("title", "")) if isinstance(about, dict) else ""
    for software in ("Infinity", "LiteLLM"):
        if software.lower() in title.lower():
            return Found(software=software, version=_text(about, "version"))
    if "version" in version:
        return Found(software="vLLM", version=_text(version, "version"))
    return Found()


def _object(answer: httpx2.Response | None) -> dict[str, Any]:
    """Return the JSON object of a successful response, or an empty dict for any other response."""
    if answer is None or not answer.is_success:
        return {}
    try:
        content = parsed(answer.content)
    except Exception:
        return {}
    return content if isinstance(content, dict) else {}


def _text(content: Any, name: str) -> str | None:
    value = content.get(name)
    return value[:80] if isinstance(value, str) and value.isprintable() else None
