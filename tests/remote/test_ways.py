"""The way to a server: certificates, proxies, and headers of the user's own."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from remote.servers.tei import Tei

from pertinence import EndpointError, Reranker

QUERY = "old mill river"
TEXTS = ["an old mill", "taxes"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("making a certificate needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([openssl, "req", "-x509", *kind, *names, *made], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[tuple[str, Tei]]:
    """A server behind TLS, and its base URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with Tei() as server:
        assert server._http is not None
        server._http.socket = context.wrap_socket(server._http.socket, server_side=True)
        server._http.handle_error = lambda *_: None  # type: ignore[method-assign]
        yield server.origin.replace("http:", "https:"), server


def test_a_certificate_that_nobody_vouches_for_is_refused_and_not_tried_again(
    secure: tuple[str, Tei],
) -> None:
    url, server = secure
    with (
        Reranker(base_url=url, dialect="tei") as reranker,
        pytest.raises(
            EndpointError, match=r"cannot be reached: ConnectError: .*CERTIFICATE_VERIFY_FAILED"
        ) as caught,
    ):
        reranker.rank(QUERY, TEXTS)
    assert "sent" not in str(caught.value)
    assert server.calls == []


def test_a_certificate_may_be_vouched_for(secure: tuple[str, Tei], certificate: tuple[Path, Path]) -> None:
    url, _ = secure
    with Reranker(base_url=url, dialect="tei", verify=str(certificate[0])) as reranker:
        assert reranker.rank(QUERY, TEXTS)[0].index == 0


def test_certificates_may_go_unchecked(secure: tuple[str, Tei]) -> None:
    url, _ = secure
    with Reranker(base_url=url, dialect="tei", verify=False) as reranker:
        assert reranker.rank(QUERY, TEXTS)[0].index == 0


def test_a_proxy_is_asked_in_the_servers_place() -> None:
    with (
        Tei() as server,
        Reranker(base_url="http://reranker.invalid", dialect="tei", proxy=server.origin) as reranker,
    ):
        assert reranker.rank(QUERY, TEXTS)[0].index == 0
        assert server.calls[0].headers["host"] == "reranker.invalid"


def test_a_proxy_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Tei() as server:
        monkeypatch.setenv("http_proxy", server.origin)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with Reranker(base_url="http://reranker.invalid", dialect="tei") as reranker:
            assert reranker.rank(QUERY, TEXTS)[0].index == 0


def test_headers_of_the_users_own_are_sent_and_the_clients_stand() -> None:
    with Tei() as server:
        headers = {"X-Team": "search", "User-Agent": "my-app/3"}
        with Reranker(base_url=server.url, dialect="tei", headers=headers, api_key="key") as reranker:
            reranker.rank(QUERY, TEXTS)
        sent = server.calls[0].headers
    assert (sent["x-team"], sent["user-agent"], sent["authorization"]) == ("search", "my-app/3", "Bearer key")
    assert sent["content-type"] == "application/json"
