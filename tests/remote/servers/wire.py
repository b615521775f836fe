"""The HTTP that all fakes share: a server in a thread, what it was asked, and what it answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

__all__ = ["Answer", "Call", "RefusedError", "Route", "Server", "as_json", "send"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request as it arrived; the names of its headers are in lower case, `at` is the monotonic clock."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """Raised anywhere below a route: the answer that ends the request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


Route = Callable[[Call], Answer]


def as_json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    body = json.dumps(content).encode()
    return Answer(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})


class Server:
    """A server on a free loopback port, for the length of a `with` block.

    Args:
        key: what a request must present; None lets everyone in.
        latency: seconds that every answer takes.

    Attributes:
        calls: every request so far, in the order in which they arrived.
        busiest: how many requests were ever being answered at once.
    """

    # What the real one sends as `Server`, which detection may read.
    software: ClassVar[str] = "uvicorn"
    # The path of the base URL that a user of the real one would give.
    prefix: ClassVar[str] = ""

    def __init__(self, *, key: str | None = None, latency: float = 0.0) -> None:
        self.key = key
        self.latency = latency
        self.calls: list[Call] = []
        self.busiest = 0
        self._busy = 0
        self._lock = threading.Lock()
        self._http: ThreadingHTTPServer | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        assert self._http is not None, "the server runs inside its `with` block only"
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """The base URL that a user gives."""
        return self.origin + self.prefix

    def routes(self) -> dict[tuple[str, str], Route]:
        """What is answered: by method and path."""
        raise NotImplementedError

    def unknown(self, call: Call) -> Answer:
        """The answer to a path that is not served."""
        return as_json({"detail": "Not Found"}, 404)

    def broken(self, call: Call, problem: ValueError) -> Answer:
        """The answer to a body that is no JSON."""
        return as_json({"detail": f"JSON decode error: {problem}"}, 400)

    def answer(self, call: Call) -> Answer:
        """The answer to a request, refusals included."""
        try:
            self.admit(call)
            route = self.routes().get((call.method, call.path), self.unknown)
            return route(call)
        except RefusedError as refused:
            return refused.answer
        except json.JSONDecodeError as problem:
            return self.broken(call, problem)

    def admit(self, call: Call) -> None:
        """Raise `RefusedError` for a request that does not present the key."""

    def bearer(self, call: Call) -> bool:
        """Whether a request may pass: with the key as a bearer token, or where none is needed."""
        return self.key is None or call.headers.get("authorization") == f"Bearer {self.key}"

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.block_on_close = False
        # Or ending it would wait half a second.
        serve = {"poll_interval": 0.01}
        threading.Thread(target=self._http.serve_forever, kwargs=serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._http is not None
        self._http.shutdown()
        self._http.server_close()

    def handle(self, handler: BaseHTTPRequestHandler, call: Call) -> None:
        """Answer on the wire; what misbehaves there does it here."""
        send(handler, self.answer(call))

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        call = Call(
            at=time.monotonic(),
            method=handler.command,
            path=urlsplit(handler.path).path,
            headers={name.lower(): value for name, value in handler.headers.items()},
            body=handler.rfile.read(length),
        )
        with self._lock:
            self.calls.append(call)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        try:
            time.sleep(self.latency)
            self.handle(handler, call)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up first, as some tests have it do
        finally:
            with self._lock:
                self._busy -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Header and body are two writes; the second would wait for the first's acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                server._take(self)

            def do_POST(self) -> None:
                server._take(self)

            def version_string(self) -> str:
                return server.software

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

        return Handler


def send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    """Write a whole and honest answer."""
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    handler.wfile.write(answer.body)
