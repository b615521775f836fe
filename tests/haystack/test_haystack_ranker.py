"""`PertinenceRanker` by itself: what it reads of a document, what a call may change, what it gives out."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from haystack import Document

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence import ClosedError, InputError, OptionError
from pertinence.integration import Options
from pertinence.testing import FakeScorer

pytestmark = pytest.mark.usefixtures("made")


def ids(output: dict[str, Any]) -> list[str]:
    return [document.id for document in output["documents"]]


def both(ranker: PertinenceRanker, **inputs: Any) -> dict[str, Any]:
    """The answer, the same through both doors."""
    output = ranker.run(**inputs)
    assert asyncio.run(ranker.run_async(**inputs)) == output
    return output


# What is read

META = {"title": "Mills", "page": 0, "draft": False, "note": "", "author": None}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "an old mill"),
        ({"meta_fields_to_embed": []}, "an old mill"),
        ({"meta_fields_to_embed": ["title"]}, "Mills\nan old mill"),
        ({"meta_fields_to_embed": ["page", "draft", "note"]}, "0\nFalse\n\nan old mill"),
        ({"meta_fields_to_embed": ["author", "no such field"]}, "an old mill"),
        (
            {"meta_fields_to_embed": ["title", "page"], "embedding_separator": " | "},
            "Mills | 0 | an old mill",
        ),
        ({"meta_fields_to_embed": ["title"], "document_prefix": "passage: "}, "passage: Mills\nan old mill"),
    ],
)
def test_metadata_stands_before_the_text_unless_it_is_none(
    options: dict[str, Any], text: str, query: str, scorer: FakeScorer
) -> None:
    both(PertinenceRanker(**options), query=query, documents=[Document(content="an old mill", meta=META)])
    assert scorer.requests == [(query, [text])] * 2


def test_a_document_may_be_known_by_its_metadata_alone(query: str, scorer: FakeScorer) -> None:
    picture = Document(id="picture", meta={"caption": "an old mill"})
    both(PertinenceRanker(meta_fields_to_embed=["caption"]), query=query, documents=[picture])
    assert scorer.requests[0] == (query, ["an old mill\n"])
    with pytest.raises(
        InputError, match=r"document 0 \(id 'picture'\) has no content: .*meta_fields_to_embed"
    ):
        both(PertinenceRanker(), query=query, documents=[picture])


def test_a_document_that_is_none_is_refused(query: str, scorer: FakeScorer) -> None:
    with pytest.raises(InputError, match="document 1 must be a Document, not str"):
        both(PertinenceRanker(), query=query, documents=[Document(content="a mill"), "an old mill"])
    assert scorer.requests == []


# Documents that share an id


def test_of_documents_that_share_an_id_the_best_found_is_ranked(query: str, scorer: FakeScorer) -> None:
    documents = [
        Document(id="a", content="unscored"),
        Document(id="b", content="river", score=0.2),
        Document(id="a", content="old mill", score=-3.0),
        Document(id="a", content="nothing", score=-4.0),
        Document(id="b", content="flood", score=0.2),
    ]
    output = both(PertinenceRanker(), query=query, documents=documents)
    assert [document.content for document in output["documents"]] == ["old mill", "river"]
    assert output["meta"]["duplicates"] == 3
    assert scorer.requests[0] == (query, ["old mill", "river"])


def test_an_error_names_the_place_among_all_documents(query: str) -> None:
    twice = Document(id="a", content="an old mill")
    with pytest.raises(InputError, match=r"document 2 \(id 'b'\) has no content"):
        both(PertinenceRanker(), query=query, documents=[twice, twice, Document(id="b")])


# What a call may change


def test_a_call_may_ask_for_logits_and_back(documents: list[Document], query: str) -> None:
    scaled, plain = PertinenceRanker(), PertinenceRanker(scale_score=False)
    logits = both(scaled, query=query, documents=documents, scale_score=False)
    assert logits == both(plain, query=query, documents=documents)
    assert logits["meta"]["score_kind"] == "logit"
    assert logits["documents"][0].score > 1
    chances = both(plain, query=query, documents=documents, scale_score=True)
    assert chances == both(scaled, query=query, documents=documents, scale_score=None)
    assert chances["meta"]["score_kind"] == "probability"
    assert chances["documents"][0].score < 1


def test_a_threshold_of_zero_given_to_a_call_is_a_threshold(documents: list[Document], query: str) -> None:
    ranker = PertinenceRanker(scale_score=False)
    assert ids(both(ranker, query=query, documents=documents, score_threshold=0.0)) == ["mill", "flood"]
    assert len(both(ranker, query=query, documents=documents)["documents"]) == 3


def test_a_top_k_of_zero_is_refused_in_haystacks_words(documents: list[Document], query: str) -> None:
    for error in (OptionError, ValueError):
        with pytest.raises(error, match="top_k must be > 0, but got 0"):
            PertinenceRanker(top_k=0)
        with pytest.raises(error, match="top_k must be > 0, but got 0"):
            both(PertinenceRanker(top_k=5), query=query, documents=documents, top_k=0)


# What is given out


def test_meta_tells_what_was_done_to_the_texts(query: str, scorer: FakeScorer) -> None:
    scorer.max_words = 3
    documents = [
        Document(id="long", content="a b c d"),
        Document(id="empty", content=""),
        Document(id="broken", content="mill \ud83c"),
    ]
    assert both(PertinenceRanker(), query=query, documents=documents)["meta"] == {
        "model": "fake",
        "score_kind": "probability",
        "scored": 3,
        "duplicates": 0,
        "score_threshold": None,
        "top_k": None,
        "truncated": 1,
        "query_truncated": False,
        "empty": 1,
        "repaired": 1,
        "usage": {},
    }


def test_meta_tells_why_fewer_documents_come_out_than_went_in(documents: list[Document], query: str) -> None:
    ranker = PertinenceRanker(top_k=2)
    output = both(ranker, query=query, documents=[*documents, documents[0]], score_threshold=0.99)
    assert output["documents"] == []
    reasons = {name: output["meta"][name] for name in ("scored", "duplicates", "score_threshold", "top_k")}
    assert reasons == {"scored": 3, "duplicates": 1, "score_threshold": 0.99, "top_k": 2}


def test_no_documents_are_an_answer_with_meta(query: str) -> None:
    output = both(PertinenceRanker(), query=query, documents=[])
    assert output["documents"] == []
    assert output["meta"]["truncated"] == 0


def test_documents_keep_their_other_fields(query: str) -> None:
    document = Document(content="an old mill", embedding=[0.5], meta={"page": 1})
    (kept,) = both(PertinenceRanker(), query=query, documents=[document])["documents"]
    assert (kept.id, kept.embedding, kept.meta) == (document.id, [0.5], {"page": 1})
    assert document.score is None


def test_the_kept_documents_have_metadata_of_their_own(documents: list[Document], query: str) -> None:
    for document in documents:
        document.meta["tags"] = ["old"]
    before = copy.deepcopy(documents)
    for kept in both(PertinenceRanker(), query=query, documents=documents)["documents"]:
        kept.meta["page"] = "changed"
        kept.meta["tags"].append("changed")
    assert documents == before


def test_a_list_that_changes_meanwhile_changes_nothing(
    documents: list[Document], query: str, scorer: FakeScorer
) -> None:
    async def main() -> dict[str, Any]:
        with scorer.held():
            task = asyncio.create_task(PertinenceRanker().run_async(query, documents))
            await asyncio.wrap_future(scorer.taken(1))
            documents.clear()
        return await task

    output = asyncio.run(main())
    assert (len(output["documents"]), output["meta"]["duplicates"]) == (3, 0)


@pytest.mark.parametrize("bad", [None, "an old mill", {"a": 1}, Document(content="a mill")], ids=repr)
def test_what_is_no_list_of_documents_is_refused(query: str, bad: Any, scorer: FakeScorer) -> None:
    with pytest.raises(InputError, match="documents must be a sequence"):
        both(PertinenceRanker(), query=query, documents=bad)
    assert scorer.requests == []


# Life


def test_warming_up_loads_before_the_first_use(scorer: FakeScorer, made: list[Options]) -> None:
    ranker = PertinenceRanker()
    ranker.warm_up()
    asyncio.run(ranker.warm_up_async())
    assert scorer.warm_ups == 2
    assert len(made) == 1


@pytest.mark.parametrize("door", ["close", "close_async"])
def test_a_closed_component_opens_its_model_anew(
    documents: list[Document], query: str, made: list[Options], door: str
) -> None:
    ranker = PertinenceRanker()
    before = ranker.run(query=query, documents=documents)
    held = ranker._handle.reranker(ranker._options())
    if door == "close":
        ranker.close()
    else:
        asyncio.run(ranker.close_async())
    with pytest.raises(ClosedError):
        held.rank(query, ["a mill"])
    assert ranker.run(query=query, documents=documents) == before
    assert len(made) == 2


def test_a_parameter_that_was_set_counts_from_the_next_run(documents: list[Document], query: str) -> None:
    ranker = PertinenceRanker()
    ranker.top_k = 1
    assert ids(both(ranker, query=query, documents=documents)) == ["mill"]
