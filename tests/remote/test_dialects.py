"""Dialects by themselves: what they write, what they read, and what they refuse to take for an answer."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.errors import OptionError, ScoreError
from pertinence.remote.dialects import Call, Dialect, Scale, find, in_order, names, register

CALL = Call(query="q", texts=["a", "b", "c"], model="m")
RERANKERS = names("rerank")


def answered(dialect: Dialect, content: Any, count: int = 3, **headers: str) -> list[float]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return dialect.parse_response(200, headers, body, count).values.tolist()  # type: ignore[no-any-return]


def by_index(scores: dict[int, Any], name: str = "relevance_score") -> list[dict[str, Any]]:
    return [{"index": index, name: score} for index, score in scores.items()]


# What is sent


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("cohere", "/rerank", {"model": "m", "query": "q", "documents": ["a", "b", "c"]}),
        (
            "infinity",
            "/rerank",
            {"model": "m", "query": "q", "documents": ["a", "b", "c"], "raw_scores": True},
        ),
        ("dashscope", "/reranks", {"model": "m", "query": "q", "documents": ["a", "b", "c"]}),
        ("tei", "/rerank", {"query": "q", "texts": ["a", "b", "c"], "raw_scores": True, "truncate": True}),
        (
            "voyage",
            "/rerank",
            {
                "model": "m",
                "query": "q",
                "documents": ["a", "b", "c"],
                "return_documents": False,
                "truncation": True,
            },
        ),
        (
            "mixedbread",
            "/reranking",
            {"model": "m", "query": "q", "input": ["a", "b", "c"], "top_k": 3, "return_input": False},
        ),
        (
            "pinecone",
            "/rerank",
            {
                "model": "m",
                "query": "q",
                "documents": [{"id": "0", "text": "a"}, {"id": "1", "text": "b"}, {"id": "2", "text": "c"}],
                "return_documents": False,
            },
        ),
        ("fireworks", "/rerank", {"model": "m", "query": "q", "documents": ["a", "b", "c"]}),
        (
            "nvidia",
            "/ranking",
            {
                "model": "m",
                "query": {"text": "q"},
                "passages": [{"text": "a"}, {"text": "b"}, {"text": "c"}],
                "truncate": "END",
            },
        ),
        ("vllm-score", "/score", {"model": "m", "text_1": "q", "text_2": ["a", "b", "c"]}),
        ("pairs", "/rerank", {"model": "m", "input": [["q", "a"], ["q", "b"], ["q", "c"]]}),
        ("gigarouter", "/rerank", {"model": "m", "input": [["q", "a"], ["q", "b"], ["q", "c"]]}),
        ("deepinfra", "/inference/m", {"queries": ["q", "q", "q"], "documents": ["a", "b", "c"]}),
        (
            "tei-predict",
            "/predict",
            {"inputs": [["q", "a"], ["q", "b"], ["q", "c"]], "raw_scores": True, "truncate": True},
        ),
    ],
)
def test_a_request_is_written_as_its_server_reads_it(name: str, path: str, body: dict[str, Any]) -> None:
    request = find(name, "rerank").build_request(CALL)
    assert (request.path, request.body) == (path, body)


def test_embeddings_are_asked_for_in_base64() -> None:
    request = find(None, "embed").build_request(Call(texts=["a", "b"], model="m"))
    assert request.path == "/embeddings"
    assert request.body == {"model": "m", "input": ["a", "b"], "encoding_format": "base64"}


@pytest.mark.parametrize("name", RERANKERS)
def test_how_many_to_keep_is_never_left_to_the_server(name: str) -> None:
    body = find(name, "rerank").build_request(CALL).body
    assert "top_n" not in body
    assert body.get("top_k", 3) == 3


def test_a_server_of_one_model_needs_no_name() -> None:
    assert "model" not in find("cohere", "rerank").build_request(Call(query="q", texts=["a"])).body


# What is read


@pytest.mark.parametrize("field", ["results", "data", "rankings", "scores", None])
def test_entries_are_found_wherever_a_server_puts_them_and_scattered_by_index(field: str | None) -> None:
    entries = by_index({2: 0.5, 0: 0.25, 1: -1})
    assert answered(find(None, "rerank"), {field: entries} if field else entries) == [0.25, -1, 0.5]


@pytest.mark.parametrize("document", ["a text", {"text": "a text"}, None])
def test_documents_in_an_answer_are_not_looked_at(document: Any) -> None:
    entries = [{"index": 0, "relevance_score": 1, "document": document}]
    assert answered(find(None, "rerank"), {"results": entries}, 1) == [1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tei", [{"index": 1, "score": 2.0}, {"index": 0, "score": 1.0}, {"index": 2, "score": 3.0}]),
        ("voyage", {"data": by_index({0: 1, 1: 2, 2: 3})}),
        ("mixedbread", {"data": by_index({2: 3, 1: 2, 0: 1}, "score")}),
        ("pinecone", {"data": by_index({2: 3, 1: 2, 0: 1}, "score")}),
        ("fireworks", {"results": by_index({2: 3, 1: 2, 0: 1})}),
        ("nvidia", {"rankings": by_index({2: 3, 1: 2, 0: 1}, "logit")}),
        ("vllm-score", {"data": by_index({0: 1, 1: 2, 2: 3}, "score")}),
        ("deepinfra", {"scores": [1, 2, 3]}),
        ("tei-predict", [[{"score": 1, "label": "LABEL_0"}], [{"score": 2}], [{"score": 3}]]),
        ("gigarouter", {"scores": [1, 2, 3]}),
        ("gigarouter", {"data": [{"score": 1}, {"score": 2}, {"score": 3}]}),
        ("gigarouter", {"results": by_index({2: 3, 1: 2, 0: 1})}),
        ("gigarouter", [1, 2, 3]),
    ],
)
def test_an_answer_is_read_as_its_server_writes_it(name: str, content: Any) -> None:
    assert answered(find(name, "rerank"), content) == [1, 2, 3]


@given(st.permutations(range(20)), st.lists(st.floats(-1e6, 1e6, width=32), min_size=20, max_size=20))
def test_the_order_of_entries_does_not_matter(places: list[int], scores: list[float]) -> None:
    entries = by_index({place: scores[place] for place in places})
    assert answered(find(None, "rerank"), {"results": entries}, 20) == scores


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"results": by_index({0: 1, 1: 2})}, "2 entries for 3 documents: 2 is missing"),
        (
            {"results": [*by_index({0: 1, 1: 2, 2: 3}), {"index": 1, "relevance_score": 9}]},
            "index 1 comes twi",
        ),
        ({"results": by_index({0: 1, 1: 2, 3: 3})}, "index 3 is out of range"),
        ({"results": by_index({0: 1, 1: 2, -1: 3})}, "index -1 is out of range"),
        ({"results": [{"relevance_score": 1}]}, "no 'index'"),
        ({"results": [{"index": True, "relevance_score": 1}]}, "no 'index'"),
        ({"results": [{"index": 0}]}, "document 0 has no field 'relevance_score'"),
        ({"results": by_index({0: 1, 1: "0.5", 2: 3})}, "document 1 is a text, not a number"),
        ({"results": by_index({0: None, 1: 1, 2: 1})}, "document 0 is null, not a number"),
        ({"results": by_index({0: True, 1: 1, 2: 1})}, "document 0 is a truth value"),
        ({"results": by_index({0: math.nan, 1: 1, 2: 1})}, "document 0 is not finite"),
        ({"results": by_index({0: 1, 1: 1, 2: 1e39})}, "document 2 is not finite"),
        ({"results": by_index({0: 1, 1: 1, 2: 10**400})}, "document 2 is not finite"),
        ({"results": 3}, "a list was due where there is a number"),
        ({"results": ["a"]}, "an object was due where there is a text"),
        ({"error": "overloaded"}, "none of the fields results, data, rankings, scores, but 'error'"),
        (b"<html><body>Login</body></html>", "it is HTML"),
        (b"", "it is empty"),
        (b"[" * 100_000, "it is no JSON"),
        (b'"\xff"', "it is no JSON"),
    ],
)
def test_anything_but_one_finite_score_for_each_document_is_refused(content: Any, told: str) -> None:
    with pytest.raises(ScoreError, match=told):
        answered(find(None, "rerank"), content)


def test_a_model_of_several_labels_gives_no_scores() -> None:
    with pytest.raises(ScoreError, match="more than one label"):
        answered(find("tei-predict", "rerank"), [[{"score": 1}, {"score": 2}]], 1)


def test_usage_comes_by_the_servers_own_names() -> None:
    body = {"results": by_index({0: 1}), "usage": {"total_tokens": 7, "cost": 0.1}, "meta": {"tokens": None}}
    answer = find(None, "rerank").parse_response(200, {}, json.dumps(body).encode(), 1)
    assert answer.usage == {"total_tokens": 7}
    tei = find("tei", "rerank").parse_response(
        200, {"x-compute-tokens": "12"}, json.dumps(by_index({0: 1})).encode(), 1
    )
    assert tei.usage == {"compute_tokens": 12}


# Vectors


def packed(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()


@pytest.mark.parametrize("first", [packed(1, 2), [1, 2.0]])
def test_vectors_may_come_in_base64_or_as_numbers_in_any_order(first: Any) -> None:
    data = [{"index": 1, "embedding": packed(3, 4)}, {"index": 0, "embedding": first}]
    assert answered(find(None, "embed"), {"data": data}, 2) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("embedding", "told"),
    [
        (packed(1, math.nan), "text 0 is not finite"),
        ([1, 1e39], "text 0 is not finite"),
        (packed(1, 2)[:-4], "no base64"),
        ("ouch!", "no base64"),
        (["1", "2"], "neither base64 nor a list of numbers"),
        ({"a": 1}, "neither base64 nor a list of numbers"),
        ([], "text 0 is empty"),
        ([1, 2, 3], "its vectors are of 2 to 3 numbers"),
    ],
)
def test_a_vector_that_is_none_is_refused(embedding: Any, told: str) -> None:
    data = [{"index": 0, "embedding": embedding}, {"index": 1, "embedding": [1, 2]}]
    with pytest.raises(ScoreError, match=told):
        answered(find(None, "embed"), {"data": data}, 2)


# Which dialect


def test_fields_of_a_dialect_may_be_given_as_plain_data() -> None:
    dialect = find(
        {
            "path": "/v2/score",
            "layout": "objects",
            "pairs": "items",
            "query": "question",
            "text": "passage",
            "response": "output.marks[].value",
            "index": "at",
            "scale": "logit",
            "extra": {"task": "rank"},
        },
        "rerank",
    )
    request = dialect.build_request(CALL)
    assert request.path == "/v2/score"
    assert request.body["items"][2] == {"question": "q", "passage": "c"}
    assert request.body["task"] == "rank"
    marks = [{"at": at, "value": at / 2} for at in (2, 0, 1)]
    assert answered(dialect, {"output": {"marks": marks}}) == [0, 0.5, 1]


def test_a_known_dialect_may_be_changed_in_part() -> None:
    dialect = find({"name": "tei", "extra": {"truncate": False}, "scale": "cosine"}, "rerank")
    assert dialect.build_request(CALL).body["truncate"] is False
    assert dialect.build_request(CALL).body["raw_scores"] is True
    assert (dialect.kind, find("tei", "rerank").kind) == ("raw", "logit")


def test_a_dialect_of_ones_own_takes_ten_lines() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Judge(Dialect):
        name: str = "judge"
        path: str = "/judge"
        scale: Scale = "logit"

        def fields(self, call: Call) -> Any:
            return {"question": call.query, "answers": list(call.texts)}

        def read(self, content: Any, count: int) -> Any:
            return in_order(content["marks"], count)

    register(Judge())
    dialect = find("judge", "rerank")
    assert dialect.build_request(CALL).body == {"question": "q", "answers": ["a", "b", "c"]}
    assert answered(dialect, {"marks": [3, 1, 2]}) == [3, 1, 2]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("coheer", "there is no dialect 'coheer'; known are cohere, "),
        ("openai", "dialect 'openai' embeds; here one of"),
        ({"name": "cohere", "pth": "/x"}, "unknown option 'dialect: pth'; did you mean 'dialect: path'"),
        ({"name": "cohere", "scale": "percent"}, "scale must be one of logit, probability"),
        ({"name": "cohere", "batch": 0}, "batch must be a whole number > 0"),
        ({"name": "cohere", "auth": "X-Api-Key"}, "auth must look like"),
        ({"layout": "rows"}, "layout must be lists, objects or columns"),
        ({"response": "data.score"}, r"response must hold \[\] once"),
        ({"path": 3}, "path must be a text"),
    ],
)
def test_a_dialect_that_does_not_exist_is_refused_by_name(asked: Any, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        find(asked, "rerank")
