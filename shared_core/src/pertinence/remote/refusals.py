"""Interpretation of unsuccessful responses: their meaning, and a message that is safe to show (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

__all__ = ["Meaning", "Refusal", "refusal", "retry_after", "safe_message"]

Meaning = Literal["key", "credit", "model", "size", "input", "busy", "failed", "redirect", "other"]

# Limit in seconds for the wait that a server asks for. Longer waits suit a job queue, not a person in
# front of a screen.
MOST_WAIT = 60.0
_LONGEST = 240
_ECHO = 24
# Number of characters of a server's message that are searched: only the beginning is shown.
_LOOKED_AT = 2000
_SIZE = re.compile(
    r"batch[ _-]?size|too (many|long|large|big)|at most|exceed|maximum"
    r"|max[ _](client|batch|length|model|num|seq)|context (length|window)"
    r"|longer than|length limit|token limit|less than \d+|larger than",
    re.I,
)
_QUOTA = re.compile(r"quota|billing|credit|balance|spend|payment|per[ _-]?(day|month)", re.I)
_NO_MODEL = re.compile(
    r"model\b.{0,80}?(not (found|exist|available|supported|served)|does ?n[o']t exist|unknown|no such)"
    r"|(unknown|invalid|unsupported|no such|not found:?) model|model[_ ]not[_ ]found",
    re.I | re.S,
)
_LIMIT = re.compile(r"(?:at most|up to|max\w*|limit\w*|less than|<=?|fewer than)\D{0,40}?(\d{1,7})", re.I)
_FIELD = re.compile(rb'"(?:message|msg|error|detail|title)"\s*:\s*"((?:[^"\\]|\\.){1,400})')


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Interpretation of one unsuccessful response.

    Attributes:
        status: HTTP status.
        meaning: `size` (a smaller request may succeed), `input` (the server refuses something in the
            request), `busy` (try again), `failed` (try again once), or a value for which a retry is useless.
        message: the server's message, shortened and without the texts that were sent.
        limit: maximum number of texts that the server states, if it is smaller than the number sent.
        wait: seconds after which the server asks to try again; None if it does not say.
    """

    status: int
    meaning: Meaning
    message: str
    limit: int | None = None
    wait: float | None = None


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    sent: Sequence[str] = (),
) -> Refusal:
    """Interpret an unsuccessful response.

    Args:
        status: HTTP status.
        headers: headers of the response, by lower-case names.
        body: body of the response, or its beginning.
        sent: query and texts of the request, which no message may repeat.
    """
    raw = _said(body)
    meaning = _meaning(status, raw)
    limit = None
    if meaning == "size" and "token" not in raw.lower():
        found = [int(each) for each in _LIMIT.findall(raw)]
        limit = next((each for each in found if 0 < each < len(sent)), None)
    return Refusal(
        status=status,
        meaning=meaning,
        message=safe_message(raw, sent),
        limit=limit,
        wait=retry_after(headers),
    )


def _meaning(status: int, said: str) -> Meaning:
    if 300 <= status < 400:
        return "redirect"
    if status in (401, 403):
        return "key"
    if status == 402:
        return "credit"
    if status == 429:
        return "credit" if _QUOTA.search(said) else "busy"
    if status in (408, 502, 503, 504):
        return "busy"
    if status in (400, 404, 422) and _NO_MODEL.search(said):
        return "model"
    if status == 413 or (status in (400, 422, 500) and _SIZE.search(said)):
        return "size"
    if status in (400, 422):
        return "input"
    return "failed" if status == 500 else "other"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds to wait from `Retry-After`, given as a number or a date; at most `MOST_WAIT`."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    # NaN is not a number of seconds; it is not equal to itself.
    return min(max(seconds, 0.0), MOST_WAIT) if seconds == seconds else None


def safe_message(said: str, sent: Sequence[str] = ()) -> str:
    """Return a server's message in a form that is safe to show: one short line, without the texts sent."""
    text = _without(said[:_LOOKED_AT], sent)
    text = "".join(each if each.isprintable() else " " for each in text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _without(text: str, sent: Sequence[str]) -> str:
    """Cut a text before its first quotation of anything that was sent, whichever part is quoted."""
    places = [len(text)]
    pieces = {text[place : place + _ECHO]: place for place in reversed(range(len(text) - _ECHO + 1))}
    for each in sent:
        stripped = each.strip()
        # A very short text may be an ordinary word of the server's message, so it is not searched for. A
        # long text may be quoted in part, so all its substrings of _ECHO characters are searched for.
        if 4 <= len(stripped) < _ECHO and (place := text.find(stripped)) >= 0:
            places.append(place)
        cuts = (each[start : start + _ECHO] for start in range(len(each) - _ECHO + 1))
        places.extend(pieces[cut] for cut in cuts if cut in pieces)
    first = min(places)
    return text if first == len(text) else f"{text[:first]}[...]"


def _said(body: bytes) -> str:
    """Extract the message from a body of any usual form, without a validator's echo of the input."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        # The body may be only the beginning of long JSON.
        fields = [_unescaped(each) for each in _FIELD.findall(body)[:3]]
        if fields:
            return "; ".join(fields)
        text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", body[:2000].decode("utf-8", "replace"))
        return text.strip()
    return _sentence(content)


def _unescaped(text: bytes) -> str:
    """Decode a string cut out of JSON; if it ends within an escape, return the part before any backslash."""
    plain = text.decode("utf-8", "replace")
    try:
        return str(json.loads(f'"{plain}"', strict=False))
    except ValueError:
        return plain.partition("\\")[0]


def _sentence(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "; ".join(filter(None, map(_sentence, content[:3])))
    if not isinstance(content, dict):
        return ""
    if isinstance(content.get("msg"), str):  # FastAPI's form, which also holds the whole input
        where = ".".join(map(str, content["loc"])) if isinstance(content.get("loc"), list) else ""
        return f"{where}: {content['msg']}" if where else str(content["msg"])
    for name in ("message", "error", "detail", "title", "error_message", "reason"):
        if said := _sentence(content.get(name)):
            return said
    return ""
