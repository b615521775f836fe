"""`PertinenceRetriever`: what it asks of the retriever in it, what it keeps, and where it can be put."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import create_retriever_tool

from langchain_pertinence import PertinenceRerank, PertinenceRetriever
from pertinence import InputError, OptionError
from pertinence.testing import FakeScorer
from support.langchain import FirstStage, Recorder

pytestmark = pytest.mark.usefixtures("made")

FIRST = FirstStage(documents=[])


@pytest.fixture
def first(documents: list[Document]) -> FirstStage:
    return FirstStage(documents=documents)


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_what_a_retriever_finds_comes_back_in_order_with_scores(first: BaseRetriever, query: str) -> None:
    retriever = PertinenceRetriever(retriever=first)
    kept = retriever.invoke(query)
    assert kept == PertinenceRerank().compress_documents(first.invoke(query), query)
    assert ids(kept) == ["mill", "flood", "taxes"]
    assert asyncio.run(retriever.ainvoke(query)) == kept


def test_k_is_a_field_and_an_argument_of_the_call(first: BaseRetriever, query: str) -> None:
    retriever = PertinenceRetriever(retriever=first, k=1)
    assert len(retriever.invoke(query)) == 1
    assert len(retriever.invoke(query, k=2)) == 2
    assert len(asyncio.run(retriever.ainvoke(query, k=3))) == 3
    assert len(retriever.invoke(query, k=None)) == 1
    assert len(retriever.bind(k=2).invoke(query)) == 2


def test_the_threshold_comes_before_k(first: BaseRetriever, query: str) -> None:
    scores = [each.metadata["relevance_score"] for each in PertinenceRetriever(retriever=first).invoke(query)]
    assert len(PertinenceRetriever(retriever=first, threshold=scores[1], k=3).invoke(query)) == 2
    assert len(PertinenceRetriever(retriever=first, threshold=scores[1], k=1).invoke(query)) == 1
    assert len(PertinenceRetriever(retriever=first).invoke(query, threshold=scores[1])) == 2


def test_how_many_candidates_there_are_is_the_other_retrievers_business(
    first: BaseRetriever, query: str, scorer: FakeScorer
) -> None:
    PertinenceRetriever(retriever=first, k=1).invoke(query)
    assert len(scorer.requests[0][1]) == 3


def test_any_runnable_that_finds_documents_will_do(documents: list[Document], query: str) -> None:
    async def search(text: str) -> list[Document]:
        await asyncio.sleep(0)
        return documents

    both = RunnableLambda(lambda text: documents, afunc=search)
    retriever = PertinenceRetriever(retriever=both, k=1)
    assert ids(retriever.invoke(query)) == ids(asyncio.run(retriever.ainvoke(query))) == ["mill"]


def test_a_retriever_that_finds_nothing_needs_no_model(query: str, scorer: FakeScorer) -> None:
    assert PertinenceRetriever(retriever=FirstStage(documents=[])).invoke(query) == []
    assert scorer.requests == []


@pytest.mark.parametrize("found", ["text", None, {"documents": []}], ids=repr)
def test_what_is_no_list_of_documents_is_refused(found: Any, query: str) -> None:
    retriever = PertinenceRetriever(retriever=RunnableLambda(lambda text: found))
    with pytest.raises(InputError, match="documents must be a sequence"):
        retriever.invoke(query)


def test_a_found_text_that_is_no_document_is_named(documents: list[Document], query: str) -> None:
    retriever = PertinenceRetriever(retriever=RunnableLambda(lambda text: [*documents, "text"]))
    with pytest.raises(InputError, match="document 3 must be a Document, not str"):
        asyncio.run(retriever.ainvoke(query))


@pytest.mark.parametrize("query", [None, "", " \n", 7], ids=repr)
def test_a_query_that_asks_nothing_reaches_no_retriever(query: Any) -> None:
    def search(text: str) -> list[Document]:
        raise AssertionError("it was asked")

    retriever = PertinenceRetriever(retriever=RunnableLambda(search))
    with pytest.raises(InputError, match="query"):
        retriever.invoke(query)
    with pytest.raises(InputError, match="query"):
        asyncio.run(retriever.ainvoke(query))


def test_an_error_of_the_other_retriever_is_not_swallowed(query: str) -> None:
    def search(text: str) -> list[Document]:
        raise ConnectionError("the store is down")

    with pytest.raises(ConnectionError, match="the store is down"):
        PertinenceRetriever(retriever=RunnableLambda(search)).invoke(query)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({}, "retriever must be a retriever or another Runnable, got None"),
        ({"retriever": lambda text: []}, "retriever must be a retriever"),
        ({"retriever": FirstStage(documents=[]), "k": 0}, "k must be > 0, but got 0"),
        ({"retriever": FirstStage(documents=[]), "top_k": 3}, "unknown option 'top_k'; did you mean 'k'"),
        (
            {"retriever": FirstStage(documents=[]), "metadata_fields": "title"},
            "metadata_fields must be a list",
        ),
    ],
    ids=["missing", "function", "k", "top_k", "metadata_fields"],
)
def test_a_bad_field_is_refused_when_it_is_made(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        PertinenceRetriever(**bad)


def test_a_bad_k_of_a_call_is_refused_before_anything_is_asked(query: str) -> None:
    def search(text: str) -> list[Document]:
        raise AssertionError("it was asked")

    with pytest.raises(OptionError, match="k must be > 0, but got -1"):
        PertinenceRetriever(retriever=RunnableLambda(search)).invoke(query, k=-1)


def test_an_argument_of_a_call_that_it_does_not_know_is_refused(first: BaseRetriever, query: str) -> None:
    with pytest.raises(TypeError, match="'kk'"):
        PertinenceRetriever(retriever=first).invoke(query, kk=3)


def test_it_serves_batches_from_many_threads_and_from_one_loop(first: BaseRetriever) -> None:
    retriever = PertinenceRetriever(retriever=first, k=1)
    queries = ["old mill", "taxes due", "river flood"] * 20
    alone = [retriever.invoke(each) for each in queries]
    assert retriever.batch(queries, {"max_concurrency": 16}) == alone
    assert asyncio.run(retriever.abatch(queries)) == alone


def test_it_is_a_tool_whose_artifact_holds_documents_and_scores(first: BaseRetriever, query: str) -> None:
    tool = create_retriever_tool(
        PertinenceRetriever(retriever=first, k=2),
        "search",
        "Searches the records.",
        response_format="content_and_artifact",
    )
    recorder = Recorder()
    call = {"name": "search", "args": {"query": query}, "id": "1", "type": "tool_call"}
    message = tool.invoke(call, {"callbacks": [recorder]})
    assert isinstance(message, ToolMessage)
    assert message.content == "an old mill on the river\n\na river in spring flood"
    assert ids(message.artifact) == ["mill", "flood"]
    assert message.artifact[0].metadata["relevance_score"] > 0.5
    assert recorder.parents() == {
        "search": None,
        "PertinenceRetriever": "search",
        "FirstStage": "PertinenceRetriever",
        "PertinenceRerank": "PertinenceRetriever",
    }
    assert asyncio.run(tool.ainvoke(call)) == message


def test_it_stands_in_a_chain(first: BaseRetriever, query: str) -> None:
    chain = PertinenceRetriever(retriever=first, k=1) | (lambda kept: kept[0].page_content)
    assert chain.invoke(query) == "an old mill on the river"


def test_retrievers_stand_one_behind_the_other(first: BaseRetriever, query: str) -> None:
    twice = PertinenceRetriever(retriever=PertinenceRetriever(retriever=first, k=2), k=1)
    assert ids(twice.invoke(query)) == ["mill"]


def test_copies_answer_alike_and_secrets_stay_out_of_pickles(first: BaseRetriever, query: str) -> None:
    retriever = PertinenceRetriever(retriever=first, k=2, api_key="key_not_to_be_shown")  # type: ignore[arg-type]
    kept = retriever.invoke(query)
    pickled = pickle.dumps(retriever)
    assert b"key_not_to_be_shown" not in pickled
    for other in (
        copy.copy(retriever),
        copy.deepcopy(retriever),
        retriever.model_copy(),
        pickle.loads(pickled),
        PertinenceRetriever(**dict(retriever)),
    ):
        assert other.invoke(query) == kept
    assert len(retriever.model_copy(update={"k": 1}).invoke(query)) == 1


def test_it_is_written_out_as_far_as_the_retriever_in_it(first: BaseRetriever) -> None:
    written = PertinenceRetriever(retriever=first, k=2, threshold=0.5).model_dump(mode="json")
    assert (written["k"], written["threshold"], "api_key" in written) == (2, 0.5, False)
    assert [each["id"] for each in written["retriever"]["documents"]] == ["taxes", "mill", "flood"]
    assert PertinenceRetriever.model_validate({**written, "retriever": first}).threshold == 0.5
