"""Bad luck with the embedded default: a clear error that names the item, or a score."""

from __future__ import annotations

import asyncio
import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pertinence import InputError, OptionError, PertinenceError, Reranker
from pertinence.local.serving.pool import loaded
from pertinence.texts import repair

QUERY = "Où se trouve la gare ?"
ANSWER = "La gare se trouve au bout de l'avenue."


@pytest.fixture(scope="module")
def reranker() -> Iterator[Reranker]:
    with Reranker() as opened:
        yield opened


def test_an_empty_list_gives_an_empty_ranking_and_loads_nothing() -> None:
    before = loaded()
    with Reranker(batch_tokens=333) as untouched:
        ranking = untouched.rank(QUERY, [])
        assert (len(ranking), ranking.total, ranking.score_kind) == (0, 0, "probability")
        assert len(untouched.score(QUERY, [])) == 0
        assert untouched.rank_many([], []) == []
    assert loaded() == before


@pytest.mark.parametrize("query", [None, 3, b"bytes", "", "  \n\t", ["a"]])
def test_a_query_that_asks_nothing_is_refused(reranker: Reranker, query: Any) -> None:
    with pytest.raises(InputError, match="query"):
        reranker.rank(query, [ANSWER])


@pytest.mark.parametrize("document", [None, 3, b"bytes", {"text": "a"}])
def test_a_document_that_is_not_a_string_is_named_by_its_index(reranker: Reranker, document: Any) -> None:
    with pytest.raises(InputError, match="document 1 must be a string"):
        reranker.rank(QUERY, [ANSWER, document])


def test_one_text_instead_of_a_list_is_refused(reranker: Reranker) -> None:
    with pytest.raises(InputError, match="sequence of texts"):
        reranker.rank(QUERY, ANSWER)


def test_many_queries_name_the_one_at_fault(reranker: Reranker) -> None:
    with pytest.raises(InputError, match=r"query 1: document 0 must be a string"):
        reranker.rank_many([QUERY, QUERY], [[ANSWER], [None]])  # type: ignore[list-item]
    with pytest.raises(InputError, match="2 queries but 1 lists"):
        reranker.rank_many([QUERY, QUERY], [[ANSWER]])


@pytest.mark.parametrize("top_k", [0, -3])
def test_a_top_k_that_keeps_nothing_is_refused(reranker: Reranker, top_k: int) -> None:
    with pytest.raises(OptionError, match=f"top_k must be > 0, but got {top_k}"):
        reranker.rank(QUERY, [ANSWER], top_k=top_k)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "\ud800 alone",
        "😀",
        "🏳️‍🌈" * 300,
        "a" * 200_000,
        "mot " * 50_000,
        "\u202e\u0000\ufffe",
        "語" * 2000,
    ],
)
def test_any_string_gets_a_score(reranker: Reranker, text: str) -> None:
    ranking = reranker.rank(QUERY, [text, ANSWER])
    assert all(math.isfinite(score) and 0 <= score <= 1 for score in ranking.scores)
    assert ranking[0].document == ANSWER


def test_what_had_to_be_done_to_the_texts_is_counted(reranker: Reranker) -> None:
    texts = [ANSWER, "", "  ", "lone \udfff surrogate", "mot " * 2_000, "mot " * 2_000]
    ranking = reranker.rank(QUERY, texts, top_k=1)
    assert (ranking.truncated, ranking.empty, ranking.repaired) == (2, 2, 1)
    assert (len(ranking), ranking.total) == (1, 6)


def test_a_lone_surrogate_is_scored_as_the_replacement_character(reranker: Reranker) -> None:
    assert repair("a\ud800b") == ("a\ufffdb", True)
    assert repair("déjà 😀") == ("déjà 😀", False)
    scores = reranker.score(QUERY, ["a\ud800b", "a\ufffdb"])
    assert scores[0] == scores[1]


def test_a_query_too_long_for_only_second_says_so() -> None:
    with (
        Reranker(max_length=32, truncation="only_second") as narrow,
        pytest.raises(InputError, match="leaves no room for a document"),
    ):
        narrow.rank("mot " * 100, [ANSWER])


def test_an_error_leaves_the_reranker_in_order(reranker: Reranker) -> None:
    before = reranker.score(QUERY, [ANSWER])[0]
    with pytest.raises(PertinenceError):
        reranker.rank(QUERY, [None])  # type: ignore[list-item]
    assert reranker.score(QUERY, [ANSWER])[0] == before


def test_prefixes_and_suffixes_are_part_of_what_is_scored(reranker: Reranker) -> None:
    with Reranker(query_prefix="Où ", document_suffix=" avenue.") as affixed:
        got = affixed.score("est la gare ?", ["La gare : au bout de l'"])
    assert got[0] == reranker.score("Où est la gare ?", ["La gare : au bout de l' avenue."])[0]


def test_a_copy_shares_the_model_and_ranks_alike(reranker: Reranker) -> None:
    with copy.deepcopy(reranker) as twin:
        assert twin.score(QUERY, [ANSWER])[0] == reranker.score(QUERY, [ANSWER])[0]
    assert len(reranker.rank(QUERY, [ANSWER])) == 1


@pytest.mark.parametrize("documents", [None, 3, {"a text"}, {"text": 1}, np.array("a text")])
def test_what_has_no_order_or_no_items_is_no_list_of_documents(reranker: Reranker, documents: Any) -> None:
    with pytest.raises(InputError, match="documents must be a sequence"):
        reranker.rank(QUERY, documents)


@pytest.mark.parametrize("kind", [tuple, iter, np.array])
def test_any_ordered_iterable_of_texts_is_one(reranker: Reranker, kind: Any) -> None:
    ranking = reranker.rank(QUERY, kind(["rien", ANSWER]))
    assert [item.index for item in ranking] == [1, 0]
    assert reranker.rank_many(kind([QUERY]), [kind(["rien", ANSWER])])[0].scores == ranking.scores


async def test_what_the_caller_does_to_the_list_meanwhile_changes_nothing(reranker: Reranker) -> None:
    documents = ["rien", ANSWER, "peu"]
    expected = reranker.rank(QUERY, documents)
    task = asyncio.create_task(reranker.arank(QUERY, documents))
    await asyncio.sleep(0)
    documents.clear()
    assert (await task).documents == expected.documents


def test_empty_documents_are_counted_whatever_is_put_around_them() -> None:
    with Reranker(document_prefix="passage : ") as affixed:
        assert affixed.rank(QUERY, ["", "  ", ANSWER]).empty == 2


def test_a_query_that_was_cut_is_told_apart_from_a_document_that_was(reranker: Reranker) -> None:
    ranking = reranker.rank("mot " * 2_000, ["a", "b"])
    assert (ranking.query_truncated, ranking.truncated) == (True, 0)


def test_numbers_of_numpy_are_numbers(reranker: Reranker) -> None:
    ranking = reranker.rank(QUERY, ["rien", ANSWER], top_k=np.int64(1), threshold=np.float32(0.2))  # type: ignore[arg-type]
    assert ranking.documents == [ANSWER]
