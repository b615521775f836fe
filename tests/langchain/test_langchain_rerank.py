"""`PertinenceRerank` among the parts of LangChain: documents, compressors, pipelines."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.documents import Document

from langchain_pertinence import PertinenceRerank
from pertinence import InputError, OptionError
from pertinence.integration import Options
from pertinence.testing import FakeScorer

pytestmark = pytest.mark.usefixtures("made")


class Page(Document):
    """A document class of a user's own."""

    number: int


def test_documents_keep_their_class_and_fields(query: str) -> None:
    page = Page(id="a", page_content="an old mill", number=7)
    (kept,) = PertinenceRerank().compress_documents([page], query)
    assert isinstance(kept, Page)
    assert (kept.id, kept.number, page.metadata) == ("a", 7, {})


def test_documents_that_were_scored_before_are_scored_anew(documents: list[Document], query: str) -> None:
    reranker = PertinenceRerank()
    before = reranker.compress_documents(documents, "taxes due")
    after = reranker.compress_documents(before, query)
    assert [document.metadata for document in after] == [
        document.metadata for document in reranker.compress_documents(documents, query)
    ]
    assert before[0].id == "taxes"
    assert before[0].metadata["relevance_score"] > 0.5


def test_rerank_takes_plain_texts(documents: list[Document], query: str) -> None:
    reranker = PertinenceRerank()
    places = reranker.rerank([document.page_content for document in documents], query)
    assert places == reranker.rerank(documents, query)
    assert [each["index"] for each in places] == [1, 2, 0]
    assert json.loads(json.dumps(places)) == places


def test_what_is_no_document_is_refused_by_its_index(documents: list[Document], query: str) -> None:
    with pytest.raises(InputError, match="document 3 must be a string, not dict"):
        PertinenceRerank().rerank([*documents, {"page_content": "text"}], query)  # type: ignore[list-item]


def test_warming_up_loads_before_the_first_use(scorer: FakeScorer) -> None:
    reranker = PertinenceRerank()
    reranker.warm_up()
    asyncio.run(reranker.awarm_up())
    assert scorer.warm_ups == 2


def test_a_closed_component_opens_its_model_anew(
    documents: list[Document], query: str, made: list[Options]
) -> None:
    with PertinenceRerank() as reranker:
        before = reranker.compress_documents(documents, query)
        assert len(made) == 1
    assert reranker.compress_documents(documents, query) == before
    assert len(made) == 2


def test_closing_a_copy_leaves_the_original_open(
    documents: list[Document], query: str, made: list[Options]
) -> None:
    reranker = PertinenceRerank()
    reranker.compress_documents(documents, query)
    with reranker.model_copy(update={"top_n": 1}) as copied:
        assert len(copied.compress_documents(documents, query)) == 1
    made.clear()
    reranker.compress_documents(documents, query)
    assert made == []


TITLED = [
    Document(id="a", page_content="it grinds", metadata={"title": "an old mill", "year": 0}),
    Document(id="b", page_content="it flows", metadata={"title": None, "place": "river"}),
]


def test_metadata_that_is_named_is_read_before_the_text(query: str, scorer: FakeScorer) -> None:
    fields = ["title", "year", "place"]
    kept = PertinenceRerank(metadata_fields=fields).compress_documents(TITLED, query)
    assert scorer.requests[-1][1] == ["an old mill\n0\nit grinds", "river\nit flows"]
    assert {each.page_content for each in kept} == {"it grinds", "it flows"}
    PertinenceRerank(metadata_fields=fields, metadata_separator=" | ").rerank([*TITLED, "plain"], query)
    assert scorer.requests[-1][1] == ["an old mill | 0 | it grinds", "river | it flows", "plain"]


def test_metadata_may_decide_the_order(query: str) -> None:
    assert PertinenceRerank().rerank(TITLED, query) == PertinenceRerank(metadata_fields=[]).rerank(
        TITLED, query
    )
    kept = PertinenceRerank(metadata_fields=["title"], document_prefix="doc: ").rerank(TITLED[::-1], query)
    assert [each["index"] for each in kept] == [1, 0]


@pytest.mark.parametrize("bad", ["title", {"title": 1}, ["title", 3]], ids=repr)
def test_names_of_metadata_that_are_no_list_of_names_are_refused(bad: Any, query: str) -> None:
    with pytest.raises(OptionError, match="metadata_fields must be a list of names or None"):
        PertinenceRerank(metadata_fields=bad)
    reranker = PertinenceRerank()
    reranker.metadata_fields = bad
    with pytest.raises(OptionError, match="metadata_fields"):
        reranker.rerank(TITLED, query)


def test_a_separator_that_is_no_string_is_refused() -> None:
    with pytest.raises(OptionError, match="metadata_separator must be a string, got 3"):
        PertinenceRerank(metadata_separator=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["text", None, {"page_content": "text"}], ids=repr)
def test_what_is_no_document_is_named(
    bad: Any, documents: list[Document], query: str, scorer: FakeScorer
) -> None:
    message = f"document 3 must be a Document, not {type(bad).__name__}"
    with pytest.raises(InputError, match=message):
        PertinenceRerank().compress_documents([*documents, bad], query)
    with pytest.raises(InputError, match=message):
        asyncio.run(PertinenceRerank().acompress_documents([*documents, bad], query))
    assert scorer.requests == []


@pytest.mark.parametrize("query", [None, 7, "", " \n"], ids=repr)
def test_a_query_that_asks_nothing_is_refused_by_every_door(query: Any, documents: list[Document]) -> None:
    reranker = PertinenceRerank()
    for door in (reranker.compress_documents, reranker.rerank):
        with pytest.raises(InputError, match="query"):
            door(documents, query)
    for adoor in (reranker.acompress_documents, reranker.arerank):
        with pytest.raises(InputError, match="query"):
            asyncio.run(adoor(documents, query))
