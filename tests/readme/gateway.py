"""The servers that snippets speak of, reached as a proxy: a snippet keeps the address that a reader types."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from remote.servers.gigarouter import Gigarouter
from remote.servers.tei import Tei
from remote.servers.vllm import Vllm
from remote.servers.wire import Answer, Call, Route, Server

__all__ = ["serving"]

KEY = "sk-of-the-snippets"


class Gateway(Server):
    """Passes each request on: to the provider if it names one of its models, else by the path."""

    def __init__(self) -> None:
        super().__init__()
        self.tei, self.vllm, self.provider = Tei(), Vllm(), Gigarouter(key=KEY)

    def routes(self) -> dict[tuple[str, str], Route]:
        return {}

    def answer(self, call: Call) -> Answer:
        if b'"giga-' in call.body:
            return self.provider.answer(call)
        return (self.vllm if call.path.startswith("/v1/") else self.tei).answer(call)


@contextmanager
def serving() -> Iterator[None]:
    """Inside, fakes answer at any http address, and the environment holds a provider's address and key."""
    with Gateway() as gateway:
        names = {
            "HTTP_PROXY": gateway.origin,
            "http_proxy": gateway.origin,
            "PROVIDER_URL": f"{gateway.origin}/v1",
            "PERTINENCE_API_KEY": KEY,
        }
        before = {name: os.environ.get(name) for name in [*names, "NO_PROXY", "no_proxy"]}
        for name in ("NO_PROXY", "no_proxy"):
            os.environ.pop(name, None)
        os.environ.update(names)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
