"""A server of its own process that answers rerank requests after a while, and costs as little as can be.

`python -m benchmarks.endpoint LATENCY LIMIT` prints its port and serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["serving"]


@contextmanager
def serving(latency: float, limit: int) -> Iterator[str]:
    """The base URL of a server that answers after `latency` seconds and takes `limit` documents a request."""
    command = [sys.executable, "-m", "benchmarks.endpoint", str(latency), str(limit)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


class _Answering(asyncio.Protocol):
    def __init__(self, latency: float, limit: int, ready: dict[int, bytes]) -> None:
        self.latency = latency
        self.limit = limit
        self.ready = ready
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        if len(body) < length:
            return
        self.received = b""
        answer = self.answer(len(json.loads(body)["texts"]))
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self.transport.write, answer)
        else:
            self.transport.write(answer)

    def answer(self, count: int) -> bytes:
        if count > self.limit:
            told = {"error": f"batch size {count} > maximum allowed batch size {self.limit}"}
            return _http(b"422 Unprocessable Entity", told)
        if count not in self.ready:
            rows = [{"index": place, "score": place / 1000} for place in range(count)]
            self.ready[count] = _http(b"200 OK", rows)
        return self.ready[count]


def _http(status: bytes, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


async def _serve(latency: float, limit: int) -> None:
    loop = asyncio.get_running_loop()
    ready: dict[int, bytes] = {}
    server = await loop.create_server(lambda: _Answering(latency, limit, ready), "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), int(sys.argv[2])))
