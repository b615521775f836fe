"""A server that misbehaves in every way we know: each case ends in the right scores or in the right error."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from remote.servers.hostile import (
    Deed,
    Hostile,
    always,
    breaks_off,
    changes,
    dribbles,
    echoes,
    fails,
    gzips,
    hangs,
    limits,
    redirects,
    refuses_where,
    resets,
    says,
    shortens,
    speaks_no_http,
)
from remote.servers.scoring import probability, vector

from pertinence import (
    AuthenticationError,
    Embedder,
    EndpointError,
    EndpointTimeoutError,
    PertinenceError,
    RefusedDocumentError,
    Reranker,
    ScoreError,
    UnknownModelError,
)

QUERY = "old mill river"
TEXTS = ["Taxes are due in May", "an old mill on the river", "a river in spring", "nothing of the kind"]
KEY = "sk-not-to-be-shown"
GOOD = [probability(QUERY, text) for text in TEXTS]
ELSEWHERE = "http://elsewhere.invalid"


@dataclass(frozen=True)
class Ends:
    """How a case ends: with the right scores after so many calls (None: it varies), or with an error."""

    calls: int | None
    error: type[PertinenceError] | None = None
    told: str = ""
    status: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


def entry(place: int, **change: Any) -> Deed:
    return changes(lambda rows: [row | change if row["index"] == place else row for row in rows])


SOON = {"timeout": 0.3}
ONCE = {"max_retries": 1}
CASES: dict[str, tuple[list[Deed | None], Ends]] = {
    # It passes when asked again.
    "429 without Retry-After": ([fails(429)], Ends(2)),
    "429 with seconds": ([fails(429, retry_after="0.1")], Ends(2)),
    "429 with a date": ([limits(1)], Ends(2)),
    "408": ([fails(408)], Ends(2)),
    "500, then 200": ([fails(500)], Ends(2)),
    "502, 503, 504, then 200": ([fails(502), fails(503), fails(504)], Ends(4)),
    "a reset": ([resets], Ends(2)),
    "half a body": ([breaks_off], Ends(2)),
    "no HTTP": ([speaks_no_http], Ends(2)),
    "compressed": ([gzips()], Ends(1)),
    # It does not, or is not worth another try.
    "503 for ever": (
        [always(fails(503, "loading"))],
        Ends(2, EndpointError, r"503: something|503: loading \(sent 2 times\)", 503, ONCE),
    ),
    "503, never again": ([fails(503)], Ends(1, EndpointError, "503", 503, {"max_retries": 0})),
    "500 for ever": ([always(fails(500))], Ends(2, EndpointError, "500: something went wrong", 500)),
    "429 of a quota": ([fails(429, "you exceeded your current quota")], Ends(1, EndpointError, "quota", 429)),
    "429 for longer than the deadline": (
        [fails(429, "slow down", "3600")],
        Ends(1, EndpointError, "429: slow down", 429, {"timeout": 5.0}),
    ),
    "402": ([fails(402, "no credit")], Ends(1, EndpointError, "payment.*402: no credit", 402)),
    "409": ([fails(409)], Ends(1, EndpointError, "409", 409)),
    "401": ([fails(401, "bad key")], Ends(1, AuthenticationError, "not accepted.*401: bad key", 401)),
    "404 of a model": (
        [fails(404, "The model `x` does not exist")],
        Ends(1, UnknownModelError, "does not know the model.*404", 404),
    ),
    "404 of a path": ([fails(404, "Not Found")], Ends(1, EndpointError, "404: Not Found; is the path", 404)),
    "501": ([fails(501, "no reranking")], Ends(1, EndpointError, "501: no reranking", 501)),
    "hangs": ([hangs], Ends(1, EndpointTimeoutError, r"0.3 s were over", None, SOON)),
    "dribbles": ([dribbles], Ends(1, EndpointTimeoutError, r"0.3 s were over", None, SOON)),
    "resets for ever": ([always(resets)], Ends(2, EndpointError, r"broke off: .*\(sent 2", None, ONCE)),
    "another host": (
        [redirects(307, lambda: ELSEWHERE)],
        Ends(1, EndpointError, r"redirects to http://elsewhere.invalid \(307\); no key", 307),
    ),
    "a document refused": (
        [always(refuses_where("spring"))],
        Ends(None, RefusedDocumentError, "document 2 is refused: .*400: cannot process an item", 400),
    ),
    "anything refused": ([always(fails(422, "no"))], Ends(2, EndpointError, "whatever the documents", 422)),
    "10 MB that echo the input": (
        [always(echoes(422, 10_000_000))],
        Ends(2, EndpointError, r"422: not Bearer \*\*\* for", 422),
    ),
    # It calls itself a success.
    "a length that is too short": ([shortens], Ends(1, ScoreError, "no JSON")),
    "spoiled compression": ([gzips(spoiled=True)], Ends(1, EndpointError, "DecodingError")),
    "one too few": ([changes(lambda rows: rows[1:])], Ends(1, ScoreError, "3 entries for 4 documents")),
    "one too many": ([changes(lambda rows: [*rows, rows[0]])], Ends(1, ScoreError, "comes twice")),
    "an index twice": ([entry(2, index=1)], Ends(1, ScoreError, "index 1 comes twice")),
    "an index out of range": ([entry(2, index=4)], Ends(1, ScoreError, "index 4 is out of range")),
    "no index": ([entry(2, index=None)], Ends(1, ScoreError, "no 'index'")),
    "NaN": ([entry(2, relevance_score=float("nan"))], Ends(1, ScoreError, "document 2 is not finite")),
    "infinity": ([entry(2, relevance_score=1e400)], Ends(1, ScoreError, "document 2 is not finite")),
    "a score as text": ([entry(2, relevance_score="0.5")], Ends(1, ScoreError, "document 2 is a text")),
    "no score": ([entry(2, relevance_score=None)], Ends(1, ScoreError, "document 2 is null")),
    "no list": ([changes(lambda rows: None)], Ends(1, ScoreError, "a list was due")),
    "HTML with 200": ([says(200, b"<html>Log in</html>", "text/html")], Ends(1, ScoreError, "it is HTML")),
    "nothing with 200": ([says(200, b"")], Ends(1, ScoreError, "it is empty")),
    "204": ([says(204)], Ends(1, ScoreError, "it is empty")),
    "an error with 200": ([says(200, b'{"error": "busy"}')], Ends(1, ScoreError, "none of the fields")),
}


@pytest.fixture(params=["sync", "async"])
def rank(request: pytest.FixtureRequest) -> Any:
    def synchronously(reranker: Reranker) -> list[float]:
        return reranker.score(QUERY, TEXTS).tolist()  # type: ignore[no-any-return]

    async def asynchronously(reranker: Reranker) -> list[float]:
        return (await reranker.ascore(QUERY, TEXTS)).tolist()  # type: ignore[no-any-return]

    if request.param == "sync":
        return synchronously
    return lambda reranker: asyncio.run(asynchronously(reranker))


@pytest.mark.parametrize("case", CASES)
def test_every_score_or_the_right_error(case: str, rank: Any) -> None:
    script, ends = CASES[case]
    with (
        Hostile(*script) as server,
        Reranker("any", base_url=server.url, api_key=KEY, **ends.options) as reranker,
    ):
        if ends.error is None:
            assert rank(reranker) == pytest.approx(GOOD, abs=1e-6)
        else:
            with pytest.raises(ends.error, match=ends.told) as caught:
                rank(reranker)
            assert type(caught.value) is ends.error
            assert getattr(caught.value, "status", None) == ends.status
            assert KEY not in f"{caught.value!r}"
            assert not any(text in str(caught.value) for text in [QUERY, *TEXTS])
            assert len(str(caught.value)) < 500
        assert ends.calls in (None, len(server.calls))
        # Whatever came of it, the next call finds a client in order.
        server.script.clear()
        assert rank(reranker) == pytest.approx(GOOD, abs=1e-6)


def test_a_redirect_is_not_followed_with_a_key_nor_without() -> None:
    with Hostile() as target, Hostile(always(redirects(308, lambda: target.origin))) as server:
        for key in (KEY, None):
            with (
                Reranker(base_url=server.url, api_key=key) as reranker,
                pytest.raises(EndpointError, match="redirects to"),
            ):
                reranker.rank(QUERY, TEXTS)
        assert target.calls == []


def test_nothing_listens() -> None:
    with Hostile() as server:
        url = server.url
    with (
        Reranker(base_url=url, max_retries=1) as reranker,
        pytest.raises(EndpointError, match=r"cannot be reached: ConnectError.*\(sent 2 times\)") as caught,
    ):
        reranker.rank(QUERY, TEXTS)
    assert caught.value.status is None


def test_no_call_passes_on_a_part_of_the_scores() -> None:
    with (
        Hostile(None, None, fails(409)) as server,
        Reranker(base_url=server.url, dialect={"name": "cohere", "batch": 1}, concurrency=1) as reranker,
        pytest.raises(EndpointError, match="409"),
    ):
        reranker.rank(QUERY, TEXTS)


def test_vectors_are_as_safe() -> None:
    deeds = [fails(503), None, entry(1, embedding="AAAA"), changes(lambda rows: rows[1:])]
    with Hostile(*deeds) as server, Embedder("any", base_url=server.url) as embedder:
        assert embedder.embed_documents(TEXTS)[0] == pytest.approx(vector(TEXTS[0]), abs=1e-6)
        with pytest.raises(ScoreError, match="text 1 is no base64 of 4-byte numbers"):
            embedder.embed_documents(TEXTS)
        with pytest.raises(ScoreError, match="3 entries for 4"):
            embedder.embed_documents(TEXTS)
