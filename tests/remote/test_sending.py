"""How a call is split: even pieces, sizes that the server teaches, and the document that it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from remote.servers.infinity import Infinity
from remote.servers.llamacpp import LlamaCpp
from remote.servers.scoring import probability
from remote.servers.tei import Tei
from remote.servers.vllm import Vllm
from remote.servers.wire import Answer, Call, Route, Server, as_json

from pertinence import EndpointError, InputError, RefusedDocumentError, Reranker, ScoreError
from pertinence.remote.sending import spans

QUERY = "old mill river"
TEXTS = [f"text {number} of the mill" for number in range(100)]


def sizes(server: Server, field: str) -> list[int]:
    return [len(call.json()[field]) for call in server.calls if call.method == "POST"]


def in_full(reranker: Reranker, texts: list[str]) -> None:
    scores = reranker.score(QUERY, texts)
    assert scores.tolist() == pytest.approx([probability(QUERY, text) for text in texts], abs=1e-6)


@given(
    st.integers(1, 300), st.one_of(st.none(), st.integers(1, 50)), st.one_of(st.none(), st.integers(1, 200))
)
def test_pieces_cover_all_texts_in_order_within_the_limits(
    count: int, most: int | None, room: int | None
) -> None:
    texts = ["x" * (number % 90) for number in range(count)]
    found = spans(texts, most, room)
    assert [place for first, end in found for place in range(first, end)] == list(range(count))
    for first, end in found:
        assert most is None or end - first <= most
        assert room is None or end - first == 1 or sum(len(text) + 16 for text in texts[first:end]) <= room


@given(st.integers(1, 1000), st.integers(1, 64))
def test_there_are_as_few_pieces_as_can_be_and_they_are_even(count: int, most: int) -> None:
    lengths = [end - first for first, end in spans(["x"] * count, most)]
    assert len(lengths) == -(-count // most)
    assert max(lengths) - min(lengths) <= 1


def test_a_limit_that_the_server_names_is_learned_at_once_and_remembered() -> None:
    with Infinity(limit=10) as server, Reranker(server.model, base_url=server.url) as reranker:
        in_full(reranker, TEXTS)
        assert sizes(server, "documents") == [100, *(10,) * 10]
        server.calls.clear()
        in_full(reranker, TEXTS)
        assert sizes(server, "documents") == [10] * 10


@pytest.mark.parametrize("status", [413, 422])
def test_a_smaller_limit_than_the_dialect_knows_is_learned(status: int) -> None:
    with (
        Tei(limit=8, limit_status=status) as server,
        Reranker(base_url=server.url, dialect="tei") as reranker,
    ):
        in_full(reranker, TEXTS)
        server.calls.clear()
        in_full(reranker, TEXTS)
        assert max(sizes(server, "texts")) <= 8


def test_a_body_stays_within_what_the_server_takes() -> None:
    texts = [f"{number} {'mill ' * 20_000}" for number in range(40)]
    with Tei() as server, Reranker(base_url=server.url, dialect="tei") as reranker:
        in_full(reranker, texts)
    assert max(len(call.body) for call in server.calls) < 2_000_000
    assert len(server.calls) <= 4


class Wordless(Server):
    """Takes at most so many texts and says nothing but 413; counts characters if told to."""

    most = 12

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/rerank"): self.rerank}

    def rerank(self, call: Call) -> Answer:
        documents = call.json()["documents"]
        if len(documents) > self.most:
            return Answer(status=413)
        scores = [{"index": place, "relevance_score": 0.5} for place in range(len(documents))]
        return as_json({"results": scores})


def test_a_limit_that_is_not_named_is_found_by_halving_and_remembered() -> None:
    with Wordless() as server, Reranker(base_url=server.url) as reranker:
        assert len(reranker.score(QUERY, TEXTS)) == 100
        server.calls.clear()
        reranker.score(QUERY, TEXTS)
        assert max(sizes(server, "documents")) <= 12
        assert len(server.calls) < 20


def test_a_model_that_looks_at_all_documents_together_is_never_split() -> None:
    dialect = {"name": "cohere", "splits": False}
    with Wordless() as server, Reranker(base_url=server.url, dialect=dialect) as reranker:
        assert len(reranker.score(QUERY, TEXTS[:12])) == 12
        with pytest.raises(EndpointError, match="cannot be split, because this model looks at all"):
            reranker.rank(QUERY, TEXTS)
    assert sizes(server, "documents") == [12, 100]


# A document that is refused


@pytest.fixture(params=["vllm", "llama.cpp"])
def narrow(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Any]]:
    """Servers that refuse a text that is too long: one with 400, one with 500."""
    if request.param == "vllm":
        with Vllm(longest=60) as vllm:
            yield vllm, "vllm-score"
    else:
        with LlamaCpp(longest=60) as llama:
            yield llama, "llamacpp"


@pytest.mark.parametrize("place", [0, 37, 99])
def test_the_document_that_a_server_refuses_is_named(narrow: tuple[Server, Any], place: int) -> None:
    server, dialect = narrow
    texts = list(TEXTS)
    texts[place] = "mill " * 500
    with Reranker(server.model, base_url=server.url, dialect=dialect) as reranker:  # type: ignore[attr-defined]
        with pytest.raises(
            RefusedDocumentError, match=rf"^document {place} is refused: http://127"
        ) as caught:
            reranker.rank(QUERY, texts)
        assert (caught.value.index, caught.value.status) == (place, 400 if dialect == "vllm-score" else 500)
        assert isinstance(caught.value, InputError)
        assert len(server.calls) < 30
        # What was learned of one long text is no limit for others.
        server.calls.clear()
        reranker.rank(QUERY, TEXTS)
        field = "text_2" if dialect == "vllm-score" else "documents"
        assert max(sizes(server, field)) == len(TEXTS)


def test_a_document_that_comes_twice_is_named_where_it_comes_first(narrow: tuple[Server, Any]) -> None:
    server, dialect = narrow
    long = "mill " * 500
    with (
        Reranker(server.model, base_url=server.url, dialect=dialect) as reranker,  # type: ignore[attr-defined]
        pytest.raises(RefusedDocumentError, match=r"^document 2 "),
    ):
        reranker.rank(QUERY, ["a", "a", long, "b", long])


def test_a_query_that_is_refused_is_not_laid_at_a_documents_door(narrow: tuple[Server, Any]) -> None:
    server, dialect = narrow
    with Reranker(server.model, base_url=server.url, dialect=dialect) as reranker:  # type: ignore[attr-defined]
        with pytest.raises(EndpointError, match="whatever the documents") as caught:
            reranker.rank("mill " * 500, TEXTS)
        assert not isinstance(caught.value, RefusedDocumentError)


class Picky(Server):
    """Refuses any request with a certain text, in words that say nothing; answers NaN for another."""

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/rerank"): self.rerank}

    def rerank(self, call: Call) -> Answer:
        documents = call.json()["documents"]
        if "bad" in documents or call.json()["query"] == "bad":
            return as_json({"message": "I would rather not"}, 400)
        scores = [float("nan") if text == "odd" else 0.5 for text in documents]
        return as_json([{"index": place, "score": score} for place, score in enumerate(scores)])


def test_a_document_that_is_refused_without_a_reason_is_found_too() -> None:
    with Picky() as server, Reranker(base_url=server.url) as reranker:
        with pytest.raises(RefusedDocumentError, match=r"^document 61 .*400: I would rather not"):
            reranker.rank(QUERY, [*TEXTS[:61], "bad", *TEXTS[61:]])
        server.calls.clear()
        with pytest.raises(EndpointError, match=r"400: I would rather not \(whatever the documents\)"):
            reranker.rank("bad", TEXTS)
        assert len(server.calls) == 2


def test_a_score_that_is_none_is_named_by_its_place_in_the_whole_list() -> None:
    dialect = {"name": "cohere", "batch": 7}
    with (
        Picky() as server,
        Reranker(base_url=server.url, dialect=dialect) as reranker,
        pytest.raises(ScoreError, match="the score of document 61 is not finite"),
    ):
        reranker.rank(QUERY, ["again", "again", *TEXTS[:59], "odd", *TEXTS[59:]])


def test_usage_is_added_up() -> None:
    with Tei() as server, Reranker(base_url=server.url, dialect="tei") as reranker:
        # Words, of the query once a request: 100 texts are four requests.
        assert reranker.rank(QUERY, TEXTS).usage == {"compute_tokens": 4 * 3 + 100 * 5}


def test_no_more_requests_are_on_their_way_than_were_allowed() -> None:
    with Tei(latency=0.02) as server:
        with Reranker(base_url=server.url, dialect={"name": "tei", "batch": 4}, concurrency=3) as reranker:
            in_full(reranker, TEXTS)
        assert server.busiest == 3


def test_progress_is_counted() -> None:
    with Tei() as server, Reranker(base_url=server.url, dialect="tei") as reranker:
        assert reranker.rows_run == 0
        reranker.rank(QUERY, [*TEXTS, *TEXTS])
        assert reranker.rows_run == len(TEXTS)
