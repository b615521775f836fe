"""A server that misbehaves: a script says, call by call, what goes wrong; after its end all is well."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

from remote.servers.openai import embeddings
from remote.servers.scoring import order
from remote.servers.wire import Answer, Call, Server, as_json, send

__all__ = [
    "Deed",
    "Hostile",
    "always",
    "breaks_off",
    "changes",
    "dribbles",
    "echoes",
    "fails",
    "gzips",
    "hangs",
    "limits",
    "redirects",
    "refuses_where",
    "resets",
    "says",
    "shortens",
    "speaks_no_http",
]

# What happens to one call, instead of `good`, the answer that it should have had.
Deed = Callable[[BaseHTTPRequestHandler, Call, Answer], None]


class Hostile(Server):
    """Speaks Cohere's rerank and OpenAI's embeddings, after its script.

    Args:
        script: one deed per call, in the order in which calls arrive; None is a good answer. A deed
            that `always` made lasts.
    """

    def __init__(self, *script: Deed | None) -> None:
        super().__init__()
        self.script = list(script)
        # Deeds that wait stop waiting when the test is over.
        self.over = threading.Event()
        self._turn = threading.Lock()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        super().__exit__()

    def handle(self, handler: BaseHTTPRequestHandler, call: Call) -> None:
        with self._turn:
            lasts = len(self.script) > 0 and getattr(self.script[0], "lasts", False)
            deed = self.script[0] if lasts else self.script.pop(0) if self.script else None
        if deed is None:
            send(handler, good(call))
        else:
            handler.over = self.over  # type: ignore[attr-defined]
            deed(handler, call, good(call))


def good(call: Call) -> Answer:
    """What the call should be answered with."""
    body = call.json()
    if "input" in body:
        return as_json(embeddings(body, model="any"))
    rows = [
        {"index": index, "relevance_score": score} for index, score in order(body["query"], body["documents"])
    ]
    return as_json({"id": "0123", "results": rows})


def always(deed: Deed) -> Deed:
    """The same for every call from now on."""

    def lasting(handler: BaseHTTPRequestHandler, call: Call, answer: Answer) -> None:
        deed(handler, call, answer)

    lasting.lasts = True  # type: ignore[attr-defined]
    return lasting


def says(
    status: int = 200,
    body: bytes = b"",
    kind: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Deed:
    """An answer out of the blue."""
    answer = Answer(status=status, body=body, headers={"Content-Type": kind, **(headers or {})})
    return lambda handler, call, good: send(handler, answer)


def fails(status: int, message: str = "something went wrong", retry_after: str | None = None) -> Deed:
    """An error in the shape that most servers write."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    body = json.dumps({"error": {"message": message}}).encode()
    return says(status, body, headers=headers)


def limits(seconds: float) -> Deed:
    """429 until a date, which is a whole second that far ahead or a little less."""

    def deed(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
        until = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        fails(429, "slow down", until)(handler, call, good)

    return deed


def changes(change: Callable[[list[dict[str, Any]]], Any]) -> Deed:
    """The right answer, after something was done to its entries; what is returned takes their place."""

    def deed(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
        content = json.loads(good.body)
        (place,) = content.keys() & {"results", "data"}
        content[place] = change(content[place])
        send(handler, as_json(content))

    return deed


def gzips(*, spoiled: bool = False) -> Deed:
    """The right answer, compressed; or something that only says so."""

    def deed(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
        body = b"\x1f\x8b no gzip at all" if spoiled else gzip.compress(good.body)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        send(handler, Answer(body=body, headers=headers))

    return deed


def echoes(status: int, size: int) -> Deed:
    """An error as large as `size` bytes or more, which holds all that was sent, the key included."""

    def deed(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
        told = call.headers.get("authorization", "")
        sent = call.body.decode()
        unit = {"type": "x", "loc": ["body"], "msg": f"not {told} for {sent}", "input": call.json()}
        count = -(-size // len(json.dumps(unit)))
        send(handler, as_json({"detail": [unit] * count}, status))

    return deed


def refuses_where(word: str, status: int = 400) -> Deed:
    """A good answer, except where a text holds the word."""

    def deed(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
        if word.encode() in call.body:
            fails(status, "cannot process an item")(handler, call, good)
        else:
            send(handler, good)

    return deed


def redirects(status: int, to: Callable[[], str]) -> Deed:
    """Sends the client elsewhere."""

    def deed(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
        send(handler, Answer(status=status, headers={"Location": to() + call.path}))

    return deed


def hangs(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
    """Nothing at all, until the test is over."""
    handler.over.wait()  # type: ignore[attr-defined]
    handler.close_connection = True


def dribbles(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
    """A byte now and then, which no read timeout notices."""
    _begin(handler, 200, len(good.body))
    for byte in good.body:
        if handler.over.wait(0.05):  # type: ignore[attr-defined]
            break
        handler.wfile.write(bytes([byte]))
    handler.close_connection = True


def resets(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
    """The connection goes away without a word."""
    handler.close_connection = True


def breaks_off(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
    """Half of the body that was announced."""
    _begin(handler, 200, len(good.body))
    handler.wfile.write(good.body[: len(good.body) // 2])
    handler.close_connection = True


def shortens(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
    """All of the body, but the half of it announced."""
    _begin(handler, 200, len(good.body) // 2)
    handler.wfile.write(good.body)
    handler.close_connection = True


def speaks_no_http(handler: BaseHTTPRequestHandler, call: Call, good: Answer) -> None:
    """Another protocol on the same port."""
    handler.wfile.write(b"+OK POP3 ready\r\n")
    handler.close_connection = True


def _begin(handler: BaseHTTPRequestHandler, status: int, length: int) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
