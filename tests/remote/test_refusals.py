"""What a server means by an answer that is no success, and how little of it an error repeats."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.remote.refusals import MOST_WAIT, Refusal, refusal, retry_after

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def refused(status: int, content: Any, sent: list[str] | None = None, **headers: str) -> Refusal:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return refusal(status, headers, body, sent=["query", *("text",) * 999] if sent is None else sent)


@pytest.mark.parametrize(
    ("status", "content", "meaning"),
    [
        (401, b"", "key"),
        (401, {"error": "Unauthorized"}, "key"),
        (403, {"message": "Forbidden"}, "key"),
        (402, {"error": {"message": "Insufficient credits", "code": 402}}, "credit"),
        (429, {"error": "Model is overloaded", "error_type": "Overloaded"}, "busy"),
        (429, {"error": {"message": "Rate limit reached", "code": "429"}}, "busy"),
        (429, {"error": {"message": "You exceeded your current quota, check your plan"}}, "credit"),
        (408, b"", "busy"),
        (502, b"<html>Bad gateway</html>", "busy"),
        (503, {"detail": "loading"}, "busy"),
        (504, b"", "busy"),
        (500, {"error": {"message": "Internal error"}}, "failed"),
        (500, {"error": {"message": "input is too large to process. increase the batch size"}}, "size"),
        (413, b"Failed to buffer the request body: length limit exceeded", "size"),
        (
            422,
            {"error": "batch size 999 > maximum allowed batch size 32", "error_type": "Validation"},
            "size",
        ),
        (422, {"detail": [{"msg": "List should have at most 2048 items", "input": ["text"] * 9}]}, "size"),
        (400, {"error": {"message": "This model's maximum context length is 512 tokens."}}, "size"),
        (400, {"message": "documents must be texts"}, "input"),
        (404, {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError"}}, "model"),
        (404, {"message": "model 'm' not found, make sure the correct model ID was used"}, "model"),
        (400, {"message": "Unknown model: m"}, "model"),
        (404, {"detail": "Not Found"}, "other"),
        (409, b"", "other"),
        (424, {"error": "model is not a re-ranker model", "error_type": "Backend"}, "other"),
        (501, {"error": {"message": "This server does not support reranking"}}, "other"),
        (307, b"", "redirect"),
    ],
)
def test_a_status_and_a_body_have_a_meaning(status: int, content: Any, meaning: str) -> None:
    assert refused(status, content).meaning == meaning


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("batch size 999 > maximum allowed batch size 32", 32),
        ("List should have at most 256 items after validation, not 999", 256),
        ("max_client_batch_size: 16", 16),
        ("too many documents: limit is 100", 100),
        ("too many documents", None),
        ("at most 5000 documents", None),
        ("This model's maximum context length is 512 tokens", None),
    ],
)
def test_a_limit_is_read_off_the_message(message: str, limit: int | None) -> None:
    assert refused(422, {"error": message}).limit == limit


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"message": "plain"}, "plain"),
        ({"error": "plain"}, "plain"),
        ({"error": {"message": "nested", "code": 1}}, "nested"),
        ({"detail": "FastAPI"}, "FastAPI"),
        (
            {"detail": [{"loc": ["body", "documents"], "msg": "too long", "input": ["text"]}]},
            "body.documents: too long",
        ),
        (
            b"<html><head><style>a{}</style><title>502</title></head><body>Bad\ngateway</body></html>",
            "502 Bad gateway",
        ),
        (b"", ""),
        (b"\x1b[2Jclear\x00", "[2Jclear"),
    ],
)
def test_what_was_said_is_found_in_every_form(content: Any, told: str) -> None:
    assert refused(400, content).message == told


def test_a_long_echo_of_the_input_is_not_repeated() -> None:
    document = 'The "quarterly" figures, ça va, are confidential until Monday, and ' * 50
    for content in (
        {"detail": [{"loc": ["body"], "msg": "too long", "input": {"documents": [document]}}]},
        {"error": f"cannot score {document}"},
        f"invalid: {document}".encode(),
        (json.dumps({"detail": [{"msg": "too long", "input": [document] * 2000}]})[:65536]).encode(),
    ):
        message = refused(422, content, ["q", document]).message
        assert "quarterly" not in message
        assert len(message) < 250


def test_retry_after_is_seconds_or_a_date_and_never_too_long() -> None:
    def asked(value: str) -> float | None:
        return retry_after({"retry-after": value}, NOW)

    assert asked("2") == 2
    assert asked("0.5") == 0.5
    assert asked(format_datetime(NOW + timedelta(seconds=7), usegmt=True)) == 7
    assert asked("Tue, 03 Nov 2026 12:00:09 -0000") == 9
    assert asked(format_datetime(NOW - timedelta(hours=1), usegmt=True)) == 0
    assert asked("86400") == asked("inf") == asked("Fri, 31 Dec 2099 23:59:59 GMT") == MOST_WAIT
    assert asked("-5") == 0
    assert asked("nan") is asked("soon") is asked("") is retry_after({}) is None


@given(st.integers(300, 599), st.binary(max_size=300), st.text(max_size=20))
def test_any_answer_has_a_meaning(status: int, body: bytes, wait: str) -> None:
    found = refusal(status, {"retry-after": wait}, body, sent=["q", "text"])
    assert found.message.isprintable()
