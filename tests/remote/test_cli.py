"""The command line with `--base-url`: ranking, the key from the environment, and what the doctor sees."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable

import pytest
from remote.servers.cohere import Cohere
from remote.servers.openai import OpenAI
from remote.servers.scoring import probability
from remote.servers.tei import Tei

from pertinence.cli import main

QUERY = "old mill river"
TEXTS = ["Taxes are due in May", "an old mill on the river", "a river in spring"]
KEY = "sk-not-to-be-shown"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.delenv("PERTINENCE_API_KEY", raising=False)

    def run(*argv: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main(argv)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_a_server_ranks_what_is_read(command: Command) -> None:
    with Tei() as server:
        status, out, err = command("rank", QUERY, *TEXTS, "--base-url", server.url, "--dialect", "tei")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [line["index"] for line in lines] == [1, 2, 0]
    assert lines[0]["score"] == pytest.approx(probability(QUERY, TEXTS[1]), abs=1e-6)
    assert err == "pertinence rank: the server does not tell whether it cut long texts\n"


def test_the_key_comes_from_the_environment(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ("rank", QUERY, *TEXTS, "--model", Cohere.model)
    with Cohere(key=KEY) as server:
        status, out, err = command(*argv, "--base-url", server.url)
        assert (status, out) == (2, "")
        assert "needs a key: api_key or PERTINENCE_API_KEY (401: " in err
        monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
        status, out, _ = command(*argv, "--base-url", server.url)
    assert (status, len(out.splitlines())) == (0, 3)


@pytest.mark.parametrize(
    ("argv", "saying"),
    [
        (["--base-url", "localhost:8080"], "--base-url is no full URL"),
        (["--base-url", "http://127.0.0.1:9", "--dialect", "nobody"], "there is no dialect 'nobody'"),
        (["--base-url", "http://127.0.0.1:9", "--device", "cuda"], "device is an option of models on this"),
        (["--base-url", "http://127.0.0.1:9", "--headers", "[]"], "--headers: must be a JSON object"),
        (["--base-url", "http://127.0.0.1:9", "--max-retries", "0"], "cannot be reached: ConnectError"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(command: Command, argv: list[str], saying: str) -> None:
    status, out, err = command("rank", QUERY, *TEXTS, *argv)
    assert (status, out) == (2, "")
    assert saying in err.splitlines()[-1]
    assert "Traceback" not in err


def test_the_doctor_tells_what_answered_how_it_is_asked_and_its_limits(command: Command) -> None:
    with Tei(limit=17) as server:
        status, out, err = command("doctor", "--base-url", server.url, "--json")
    told = json.loads(out)["server"]
    assert (status, err) == (0, "")
    assert (told["software"], told["dialect"], told["texts per request"]) == ("TEI", "tei", 17)
    assert told["chosen"] == "because TEI answers"
    assert told["scores"] == "logit values"
    assert told["max client batch size"] == 17
    assert told["answer"].startswith("a score of ")


def test_the_doctor_says_when_nothing_gave_a_server_away(command: Command) -> None:
    with Cohere() as server:
        _, out, _ = command("doctor", Cohere.model, "--base-url", server.url)
    assert "because most servers speak it" in out
    assert "on a scale of the server's own" in out


def test_the_doctor_asks_embedders_too(command: Command) -> None:
    with OpenAI() as server:
        _, out, _ = command("doctor", server.model, "--base-url", server.url, "--dialect", "openai", "--json")
    assert json.loads(out)["server"]["answer"].startswith("a vector of ")


def test_an_error_is_told_after_the_rest_and_shows_no_key(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
    with Cohere(key="another") as server:
        status, out, err = command("doctor", "--base-url", server.url, "--dialect", "cohere")
    assert status == 2
    assert "the key was not accepted" in out
    assert err.startswith("pertinence doctor: error: the key was not accepted")
    assert "key " in out
    assert KEY not in out + err
