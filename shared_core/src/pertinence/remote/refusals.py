"""What a server means by a status and a body, and how much of that body an error may repeat (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

__all__ = ["Meaning", "Refusal", "refusal", "retry_after", "told"]

Meaning = Literal["key", "credit", "model", "size", "input", "busy", "failed", "redirect", "other"]

# Longer waits than this are for a queue, not for somebody who looks at a screen.
MOST_WAIT = 60.0
_LONGEST = 240
_ECHO = 24
# No more of what a server said is looked through: only its beginning is shown.
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
    """One answer that is no success.

    Attributes:
        meaning: `size` (a smaller request may pass), `input` (something in it is not taken), `busy` (try
            again), `failed` (try again once), or one for which trying again is no use.
        message: what the server said, short and without what was sent.
        limit: how many texts it says that it takes, if it says so and that is fewer than were sent.
        wait: seconds after which it asks to be asked again.
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
    """What an answer means that is no success.

    Args:
        status: the HTTP status.
        headers: its headers, by names in lower case.
        body: its body, or the beginning of it.
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
        message=told(raw, sent),
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
    """Seconds that `Retry-After` asks to wait, as a number or as a date; at most `MOST_WAIT`."""
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
    # NaN is no number of seconds either.
    return min(max(seconds, 0.0), MOST_WAIT) if seconds == seconds else None


def told(said: str, sent: Sequence[str] = ()) -> str:
    """What a server said as an error may repeat it: one short line, without what was sent."""
    text = _without(said[:_LOOKED_AT], sent)
    text = "".join(each if each.isprintable() else " " for each in text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _without(text: str, sent: Sequence[str]) -> str:
    """What comes before the first quotation of what was sent, whichever part of it is quoted."""
    places = [len(text)]
    pieces = {text[place : place + _ECHO]: place for place in reversed(range(len(text) - _ECHO + 1))}
    for each in sent:
        stripped = each.strip()
        # A text that is short may be a word of the server's own; one that is long may be quoted in part.
        if 4 <= len(stripped) < _ECHO and (place := text.find(stripped)) >= 0:
            places.append(place)
        cuts = (each[start : start + _ECHO] for start in range(len(each) - _ECHO + 1))
        places.extend(pieces[cut] for cut in cuts if cut in pieces)
    first = min(places)
    return text if first == len(text) else f"{text[:first]}[...]"


def _said(body: bytes) -> str:
    """The sentence in a body, in any of the forms of servers; a validator's echo of the input is left out."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        # Perhaps only the beginning of a long one.
        fields = [_unescaped(each) for each in _FIELD.findall(body)[:3]]
        if fields:
            return "; ".join(fields)
        text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", body[:2000].decode("utf-8", "replace"))
        return text.strip()
    return _sentence(content)


def _unescaped(text: bytes) -> str:
    """A text that was cut out of JSON; if it was cut in an escape, what comes before that."""
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
    if isinstance(content.get("msg"), str):  # FastAPI's, which holds the whole input beside it
        where = ".".join(map(str, content["loc"])) if isinstance(content.get("loc"), list) else ""
        return f"{where}: {content['msg']}" if where else str(content["msg"])
    for name in ("message", "error", "detail", "title", "error_message", "reason"):
        if said := _sentence(content.get(name)):
            return said
    return ""
