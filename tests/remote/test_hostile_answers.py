"""Answers that look like success and are none, of scores and of vectors; and errors that tell too much."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from remote.servers.hostile import (
    Deed,
    Hostile,
    always,
    changes,
    echoes,
    fails,
    limits,
    redirects,
    refuses_where,
    says,
)
from remote.servers.scoring import probability, vector
from remote.servers.wire import Server

from pertinence import Embedder, Reranker
from pertinence.errors import EndpointError, RefusedDocumentError, ScoreError

KEY = "sk-hostile-0123456789abcdef"
QUERY = "confidential question about the last train"
TEXTS = ["confidential bread needs an hour", "confidential last train leaves at ten", "the question is late"]
HTML = b"<!doctype html><html><head><title>502</title></head><body>Bad gateway</body></html>"
WAYS = ("sync", "async")

Rows = list[dict[str, Any]]


def reranker(server: Server, **options: Any) -> Reranker:
    # Plain HTTP needs no certificates, and reading them takes longer than most of these tests.
    return Reranker("any", base_url=server.url, api_key=KEY, verify=False, max_retries=1, **options)


def embedder(server: Server) -> Embedder:
    return Embedder("any", base_url=server.url, api_key=KEY, verify=False, max_retries=1)


def scores(client: Reranker, way: str) -> Any:
    return client.score(QUERY, TEXTS) if way == "sync" else asyncio.run(client.ascore(QUERY, TEXTS))


def vectors(client: Embedder, way: str) -> Any:
    return client.embed_documents(TEXTS) if way == "sync" else asyncio.run(client.aembed_documents(TEXTS))


def entry(place: int, **values: Any) -> Callable[[Rows], Rows]:
    """Other values in one entry."""

    def change(rows: Rows) -> Rows:
        rows[place] = {**rows[place], **values}
        return rows

    return change


def without(place: int, name: str) -> Callable[[Rows], Rows]:
    """An entry less one of its fields."""

    def change(rows: Rows) -> Rows:
        del rows[place][name]
        return rows

    return change


def as_text(handler: Any, call: Any, good: Any) -> None:
    says(200, good.body, "text/plain")(handler, call, good)


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(changes(lambda rows: rows[::-1]), id="entries in any order"),
        pytest.param(changes(entry(0, document={"text": "x"}, colour="red")), id="fields nobody asked for"),
        pytest.param(changes(entry(1, document=None)), id="a document that is null"),
        pytest.param(as_text, id="JSON that calls itself text"),
    ],
)
def test_what_is_only_unusual_is_read(deed: Deed) -> None:
    with Hostile(deed) as server, reranker(server) as client:
        expected = [probability(QUERY, text) for text in TEXTS]
        np.testing.assert_allclose(scores(client, "sync"), expected, rtol=1e-6)


NO_SCORES: dict[str, Deed] = {
    "a double": changes(lambda rows: [rows[0], *rows]),
    "a double in place of another": changes(lambda rows: [rows[0], rows[0], rows[2]]),
    "one missing": changes(lambda rows: rows[:-1]),
    "none at all": changes(lambda rows: []),
    "an index out of range": changes(entry(0, index=3)),
    "an index below zero": changes(entry(0, index=-1)),
    "an index beyond all integers": changes(entry(0, index=10**30)),
    "an index that is a text": changes(entry(0, index="0")),
    "an index that is true": changes(entry(0, index=True)),
    "an index in parts": changes(entry(0, index=0.0)),
    "no index": changes(without(0, "index")),
    "no score": changes(without(0, "relevance_score")),
    "NaN": changes(entry(0, relevance_score=math.nan)),
    "infinity": changes(entry(0, relevance_score=-math.inf)),
    "more than float32 holds": changes(entry(0, relevance_score=1e39)),
    "an integer beyond all floats": changes(entry(0, relevance_score=10**400)),
    "a score as a text": changes(entry(0, relevance_score="0.5")),
    "a score that is null": changes(entry(0, relevance_score=None)),
    "a score that is true": changes(entry(0, relevance_score=True)),
    "a score in a list": changes(entry(0, relevance_score=[0.5])),
    "entries that are lists": changes(lambda rows: [[0, 0.5]] * 3),
    "entries that are null": changes(lambda rows: [None] * 3),
    "a text in place of entries": changes(lambda rows: "three"),
    "an object in place of entries": changes(lambda rows: {"0": 0.5}),
    "HTML": says(200, HTML, "text/html"),
    "nothing": says(200),
    "nothing with 204": says(204),
    "null": says(200, b"null"),
    "a number": says(200, b"0.5"),
    "a text": says(200, b'"fine"'),
    "another object": says(200, b'{"ok": true}'),
    "half of a JSON": says(200, b'{"results": [{"index": 0, "relevance'),
    "a number too long to be one": says(200, b'{"results": ' + b"9" * 5000 + b"}"),
    "nesting without end": says(200, b"[" * 100_000),
    "bytes that are no text": says(200, b"\xff\xfe\x00{}"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NO_SCORES)
def test_scores_that_are_none_are_an_error_and_not_asked_for_again(name: str, way: str) -> None:
    with Hostile(NO_SCORES[name]) as server, reranker(server) as client:
        with pytest.raises(ScoreError) as caught:
            scores(client, way)
        assert len(server.calls) == 1
        assert_discreet(caught.value)
        assert len(scores(client, way)) == len(TEXTS)


def packed(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


GOOD_VECTORS: dict[str, Deed | None] = {
    "base64": None,
    "floats": changes(
        lambda rows: [{**row, "embedding": vector(text)} for row, text in zip(rows, TEXTS, strict=True)]
    ),
    "both in one answer": changes(entry(1, embedding=vector(TEXTS[1]))),
    "any order": changes(lambda rows: rows[::-1]),
}
NO_VECTORS: dict[str, Deed] = {
    "a double": changes(lambda rows: [rows[0], rows[0], rows[2]]),
    "one missing": changes(lambda rows: rows[1:]),
    "an index out of range": changes(entry(0, index=3)),
    "a number missing": changes(entry(0, embedding=vector(TEXTS[0])[:-1])),
    "no numbers": changes(entry(0, embedding=[])),
    "no numbers in base64": changes(entry(0, embedding="")),
    "NaN": changes(entry(0, embedding=[math.nan] * 8)),
    "NaN in base64": changes(entry(0, embedding=packed(*[math.nan] * 8))),
    "infinity in base64": changes(entry(0, embedding=packed(*[math.inf] * 8))),
    "more than float32 holds": changes(entry(0, embedding=[1e39] * 8)),
    "an integer beyond all floats": changes(entry(0, embedding=[10**400] * 8)),
    "numbers as texts": changes(entry(0, embedding=["0.5"] * 8)),
    "truth values": changes(entry(0, embedding=[True] * 8)),
    "null": changes(entry(0, embedding=None)),
    "vectors within vectors": changes(entry(0, embedding=[[0.5] * 8])),
    "an object": changes(entry(0, embedding={"values": [0.5] * 8})),
    "no base64": changes(entry(0, embedding="?" * 44)),
    "base64 of half a number": changes(entry(0, embedding=base64.b64encode(b"\0" * 31).decode())),
    "no text at all in base64": changes(entry(0, embedding="é" * 44)),
    "HTML": says(200, HTML, "text/html"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", GOOD_VECTORS)
def test_vectors_are_read_in_every_form_and_order(name: str, way: str) -> None:
    with Hostile(GOOD_VECTORS[name]) as server, embedder(server) as client:
        np.testing.assert_allclose(vectors(client, way), [vector(text) for text in TEXTS], rtol=1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NO_VECTORS)
def test_vectors_that_are_none_are_an_error_and_not_asked_for_again(name: str, way: str) -> None:
    with Hostile(NO_VECTORS[name]) as server, embedder(server) as client:
        with pytest.raises(ScoreError) as caught:
            vectors(client, way)
        assert len(server.calls) == 1
        assert_discreet(caught.value)
        assert len(vectors(client, way)) == len(TEXTS)


# Errors that tell too much


def assert_discreet(error: BaseException) -> None:
    """An error is short and holds neither the key nor what was sent, and neither do those behind it."""
    each: BaseException | None = error
    while each is not None:
        told = f"{each!r} {each}"
        assert KEY not in told
        assert "confidential" not in told
        assert len(str(each)) < 600
        each = each.__cause__ or each.__context__


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1_000, 10_000_000])
@pytest.mark.parametrize("status", [400, 401, 402, 404, 413, 422, 429, 500, 503])
def test_an_error_that_echoes_all_that_was_sent_is_told_without_it(status: int, size: int, way: str) -> None:
    with Hostile(always(echoes(status, size))) as server, reranker(server) as client:
        with pytest.raises(EndpointError) as caught:
            scores(client, way)
        assert caught.value.status == status
        assert_discreet(caught.value)


@pytest.mark.parametrize(
    ("beginning", "end"),
    [
        pytest.param(0, None, id="whole"),
        pytest.param(0, 60, id="beginning"),
        pytest.param(10, None, id="end"),
        pytest.param(40, 90, id="middle"),
    ],
)
def test_what_was_sent_is_not_repeated_however_the_server_quotes_it(beginning: int, end: int | None) -> None:
    text = "the patient confided that nobody else must ever come to know of the winter in Oslo, she said"
    quoted = text[beginning:end]
    deed = always(fails(400, f"cannot tokenize: {quoted}"))
    with Hostile(deed) as server, reranker(server) as client, pytest.raises(EndpointError) as caught:
        client.score(QUERY, [text])
    assert quoted[-20:] not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_ever_brings_the_key_to_another_host(status: int) -> None:
    with Hostile() as other, Hostile(always(redirects(status, lambda: other.origin))) as server:
        with reranker(server) as client, pytest.raises(EndpointError, match="redirects to") as caught:
            client.score(QUERY, TEXTS)
        assert caught.value.status == status
        assert other.calls == []


# Waiting and looking for what is to blame


def test_retry_after_is_waited_for_in_seconds_and_as_a_date() -> None:
    # Lower bounds: no machine is too slow for them. A date has whole seconds: of two, one is left at least.
    for deed, least in ((fails(429, "slow down", "0.5"), 0.5), (limits(2), 0.9)):
        with Hostile(deed) as server, reranker(server) as client:
            client.score(QUERY, TEXTS)
            first, second = server.calls
        assert second.at - first.at >= least


@pytest.mark.parametrize("asked", ["soon", "nan", "-5", "", "Wed, 99 Nov 2026 99:99:99 GMT", "1e-9", "0x10"])
def test_a_retry_after_that_is_nonsense_is_as_good_as_none(asked: str) -> None:
    with Hostile(fails(429, "slow down", asked)) as server, reranker(server, timeout=10.0) as client:
        assert len(client.score(QUERY, TEXTS)) == len(TEXTS)
        assert len(server.calls) == 2


def test_the_document_that_is_refused_is_found_in_few_requests() -> None:
    texts = [f"text {number}" for number in range(200)]
    texts[137] = "the poisoned one"
    with Hostile(always(refuses_where("poisoned"))) as server, reranker(server) as client:
        with pytest.raises(RefusedDocumentError) as caught:
            client.score(QUERY, texts)
        assert caught.value.index == 137
        # The whole, a harmless one, and both halves eight times over.
        assert len(server.calls) <= 2 + 2 * 8


def test_of_many_pieces_one_that_fails_ends_the_others() -> None:
    texts = [f"text {number}" for number in range(200)]
    narrow = {"name": "cohere", "batch": 5}
    with Hostile(None, None, always(fails(409))) as server:
        client = reranker(server, dialect=narrow, concurrency=2)
        with client, pytest.raises(EndpointError, match="409"):
            client.score(QUERY, texts)
        assert len(server.calls) < 20


def test_what_is_sent_is_json_in_utf_8_and_a_lone_surrogate_is_replaced() -> None:
    with Hostile() as server, reranker(server) as client:
        client.score("où ?", ["à l'Œuvre 😀", "\ud800"])
        (call,) = server.calls
    assert json.loads(call.body.decode("utf-8"))["documents"] == ["à l'Œuvre 😀", "\ufffd"]
