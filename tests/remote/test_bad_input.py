"""What cannot be asked of a server is refused by name, and before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from remote.servers.cohere import Cohere
from remote.servers.infinity import Infinity
from remote.servers.vllm import Vllm

from pertinence import (
    AuthenticationError,
    Embedder,
    EndpointError,
    ModelNotFoundError,
    OptionError,
    PertinenceError,
    Reranker,
    UnknownModelError,
)
from pertinence.options import Options
from pertinence.remote.settings import url_of

URL = "http://127.0.0.1:9"
SECRET = "sk-not-to-be-shown"


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("base_url", "localhost:8080", "base_url is no full URL, got 'localhost:8080': a scheme and a host"),
        ("base_url", "api.example.com/v1", "base_url is no full URL"),
        ("base_url", "ftp://example.com", "base_url must begin with http:// or https://"),
        ("base_url", "http://", "base_url is no full URL"),
        ("base_url", "http://localhost:port", "base_url is no URL"),
        ("base_url", "http://local host", "a space or a control character"),
        ("base_url", "http://localhost\r\nX-Evil: 1", "a space or a control character"),
        ("base_url", f"http://user:{SECRET}@localhost", "must not hold a user name or a password"),
        ("base_url", f"https://{SECRET}@:99999", "base_url"),
        ("base_url", 8080, "base_url must be a URL, not int"),
        ("base_url", "http://localhost/#here", "fragment"),
        ("proxy", f"http://user:{SECRET}@localhost", "set HTTPS_PROXY"),
        ("proxy", "localhost:3128", "proxy is no full URL"),
        ("proxy", "gopher://localhost", "proxy must begin with"),
        ("dialect", "", "dialect must be a name or a JSON object"),
        ("dialect", "{broken", "dialect is not valid JSON"),
        ("dialect", 3, "dialect must be a name"),
        ("api_key", f"{SECRET}\r\nX-Evil: 1", "api_key holds a line break"),
        ("api_key", f"{SECRET} ", "api_key holds a line break, a space"),
        ("api_key", SECRET.encode(), "api_key cannot be bytes"),
        ("headers", {"X-Team": "a\r\nX-Evil: 1"}, "headers: X-Team holds a line break"),
        ("headers", {"X-Team\r\nX-Evil": "1"}, "is no name of a header"),
        ("headers", {"X-Team": 3}, "headers: X-Team must be a text"),
        (
            "headers",
            {"Authorization": SECRET},
            "headers must not hold 'Authorization', which looks like a key",
        ),
        ("headers", {"x-api-key": SECRET}, "give it as api_key"),
        ("headers", {"Cookie": SECRET}, "looks like a key"),
        ("headers", {"Content-Length": "3"}, "the client sets it"),
        ("headers", "X-Team: search", "headers must be a mapping"),
        ("timeout", 0, "timeout must be a number of seconds > 0"),
        ("timeout", "10", "timeout must be a number"),
        ("timeout", float("inf"), "timeout must be a number"),
        ("max_retries", -1, "max_retries must be > 0"),
        ("max_retries", 1.5, "max_retries must be a whole number"),
        ("concurrency", 0, "concurrency must be > 0"),
        ("concurrency", None, "concurrency must be a whole number"),
        ("verify", 3, "verify must be True, False, or a file"),
    ],
)
def test_a_value_that_an_option_does_not_take_is_named(option: str, value: Any, told: str) -> None:
    with pytest.raises(OptionError, match=told) as caught:
        Reranker.from_options(Options.of({"base_url": URL, option: value}))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dialect": "coheer"}, "there is no dialect 'coheer'; known are cohere"),
        ({"dialect": "openai"}, "dialect 'openai' embeds"),
        ({"dialect": {"name": "cohere", "pth": "/x"}}, "did you mean 'dialect: path'"),
        ({"device": "cuda"}, "device is an option of models on this machine"),
        ({"dtype": "float32"}, "dtype is an option of models on this machine"),
        ({"max_length": 128}, "max_length is an option of models on this machine"),
        ({"score_kind": "logit"}, "score_kind='logit' cannot be had"),
        (
            {"dialect": {"name": "cohere", "auth": "X-Team: {}"}, "headers": {"x-team": "search"}},
            "headers must not hold 'X-Team', which carries the key",
        ),
    ],
)
def test_options_that_do_not_go_together_are_told_when_the_reranker_is_made(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(OptionError, match=told):
        Reranker.from_options(Options.of({"base_url": URL, **options}))


def test_an_embedder_is_told_as_early() -> None:
    with pytest.raises(OptionError, match="dialect 'tei' reranks"):
        Embedder(base_url=URL, dialect="tei")
    with pytest.raises(OptionError, match="model is missing"):
        Embedder()


def test_certificates_that_are_not_there_are_told(tmp_path: Any) -> None:
    with (
        Reranker(base_url="https://127.0.0.1:9", verify=str(tmp_path / "none.pem")) as reranker,
        pytest.raises(OptionError, match=r"verify='.*none.pem' holds no certificates"),
    ):
        reranker.rank("q", ["a"])


def test_no_key_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERTINENCE_API_KEY", raising=False)
    with (
        Cohere(key=SECRET) as server,
        Reranker(server.model, base_url=server.url) as reranker,
        pytest.raises(AuthenticationError, match=r"needs a key: api_key or PERTINENCE_API_KEY \(401: "),
    ):
        reranker.rank("q", ["a"])


def test_a_wrong_key() -> None:
    with (
        Cohere(key=SECRET) as server,
        Reranker(server.model, base_url=server.url, api_key="another") as reranker,
        pytest.raises(AuthenticationError, match=r"the key was not accepted by .*401") as caught,
    ):
        reranker.rank("q", ["a"])
    assert caught.value.status == 401


def test_the_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERTINENCE_API_KEY", SECRET)
    with Cohere(key=SECRET) as server:
        with Reranker(server.model, base_url=server.url) as reranker:
            assert len(reranker.rank("q", ["a"])) == 1
        with (
            Reranker(server.model, base_url=server.url, api_key="another") as reranker,
            pytest.raises(AuthenticationError),
        ):
            reranker.rank("q", ["a"])


@pytest.mark.parametrize("kind", [Cohere, Vllm])
def test_a_model_that_the_server_does_not_know(kind: Any) -> None:
    with (
        kind() as server,
        Reranker("no/such", base_url=server.url) as reranker,
        pytest.raises(UnknownModelError, match=r"does not know the model \(404: .*no/such") as caught,
    ):
        reranker.rank("q", ["a"])
    assert isinstance(caught.value, ModelNotFoundError)
    assert isinstance(caught.value, PertinenceError)


def test_a_wrong_path_says_where_to_look() -> None:
    with (
        Infinity() as server,
        Reranker(server.model, base_url=server.url + "/v1") as reranker,
        pytest.raises(EndpointError, match=r"404: .*is the path of base_url right, and the dialect"),
    ):
        reranker.rank("q", ["a"])


def test_an_empty_query_and_a_document_that_is_no_text_are_refused_before_anything_is_sent() -> None:
    with Reranker(base_url=URL) as reranker:
        with pytest.raises(PertinenceError, match="query is empty"):
            reranker.rank(" ", ["a"])
        with pytest.raises(PertinenceError, match="document 1 must be a string"):
            reranker.rank("q", ["a", None])


def test_a_lone_surrogate_is_counted_and_comes_back_as_it_was() -> None:
    with Cohere() as server, Reranker(server.model, base_url=server.url) as reranker:
        ranking = reranker.rank("q \ud83c", ["mill \ud83c river", "b"])
    assert ranking.repaired == 1
    assert "mill \ud83c river" in ranking.documents


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://host:8080", "http://host:8080/rerank"),
        ("http://host/v1", "http://host/v1/rerank"),
        ("http://host/v1/", "http://host/v1/rerank"),
        ("http://host/a b/".replace(" ", "%20"), "http://host/a%20b/rerank"),
        ("http://host/v2/rerank", "http://host/v2/rerank"),
        ("http://host/v1?api-version=3", "http://host/v1/rerank?api-version=3"),
    ],
)
def test_the_path_of_the_base_url_is_kept(base_url: str, url: str) -> None:
    assert url_of(Options(base_url=base_url).base_url or "", "/rerank") == url
