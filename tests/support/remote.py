"""The conformance suite over a component whose model is behind a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from remote.servers.tei import Tei

from pertinence.testing.conformance import ModelConformance

__all__ = ["KEY", "RemoteConformance"]

KEY = "sk-test-0123456789"


class RemoteConformance(ModelConformance):
    """Set `driver`; the key comes from the environment, as a user's would."""

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tei]:
        with Tei(key=KEY) as server:
            monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
            monkeypatch.setattr(type(self), "options", {"base_url": server.url, "dialect": "tei"})
            yield server
