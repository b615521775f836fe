"""What goes wrong in other rerankers for LangChain, and does not here: one test for each flaw we know of.

How the step shows in traces is in `test_langchain_tracing`.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import Document
from langchain_core.load import dumps
from remote.servers.cohere import Cohere
from remote.servers.hostile import Deed, Hostile, always, changes, fails, hangs

from langchain_pertinence import PertinenceRerank
from pertinence import EndpointError, EndpointTimeoutError, OptionError, ScoreError
from pertinence.testing import FakeScorer
from support.langchain import FirstStage

KEY = "key_not_to_be_shown"

faked = pytest.mark.usefixtures("made")


def scores(reranker: PertinenceRerank, documents: list[Document], query: str) -> list[float]:
    return [each.metadata["relevance_score"] for each in reranker.compress_documents(documents, query)]


# Results


@faked
def test_scores_are_kept_and_are_python_floats(documents: list[Document], query: str) -> None:
    for kept in PertinenceRerank().compress_documents(documents, query):
        assert type(kept.metadata["relevance_score"]) is float
        assert json.loads(kept.model_dump_json())["metadata"] == kept.metadata


@faked
def test_scores_are_probabilities_unless_logits_are_asked_for(documents: list[Document], query: str) -> None:
    logits = np.array(scores(PertinenceRerank(score_kind="logit"), documents, query))
    np.testing.assert_allclose(scores(PertinenceRerank(), documents, query), 1 / (1 + np.exp(-logits)))


@faked
def test_ids_and_metadata_are_kept_and_the_callers_documents_left_alone(
    documents: list[Document], query: str
) -> None:
    documents[0].metadata["source"] = {"file": "taxes.pdf", "pages": [1, 2]}
    before = copy.deepcopy(documents)
    kept = {each.id: each for each in PertinenceRerank().compress_documents(documents, query)}
    for document in documents:
        assert kept[document.id] is not document
        assert kept[document.id].metadata.pop("relevance_score") > 0
        assert kept[document.id] == document
    kept["taxes"].metadata["source"]["pages"].append(3)
    assert documents == before


@faked
def test_all_documents_are_kept_unless_a_number_is_given(documents: list[Document], query: str) -> None:
    many = documents * 10
    for top_n, count in ((None, 30), (2, 2), (100, 30)):
        assert len(PertinenceRerank(top_n=top_n).compress_documents(many, query)) == count


@pytest.mark.parametrize("top_n", [0, -1])
def test_a_number_that_would_drop_documents_silently_is_refused(top_n: int) -> None:
    with pytest.raises(OptionError, match=f"top_n must be > 0, but got {top_n}"):
        PertinenceRerank(top_n=top_n)


@faked
def test_the_threshold_is_inclusive_and_comes_before_the_number(
    documents: list[Document], query: str
) -> None:
    first, second, _ = scores(PertinenceRerank(), documents, query)
    assert scores(PertinenceRerank(threshold=second, top_n=3), documents, query) == [first, second]


@faked
def test_no_documents_are_no_error(query: str) -> None:
    assert PertinenceRerank().compress_documents([], query) == []
    assert asyncio.run(PertinenceRerank().acompress_documents([], query)) == []


def test_a_document_over_the_models_limit_is_cut_and_no_crash(query: str) -> None:
    (kept,) = PertinenceRerank().compress_documents([Document("old mill river " * 2000)], query)
    assert 0 < kept.metadata["relevance_score"] < 1


def test_a_model_of_two_labels_gives_one_probability_each(
    tmp_path: Path, documents: list[Document], query: str
) -> None:
    pytest.importorskip("torch", reason="building a model needs torch")
    from support.models import build

    folder = str(build("tiny", tmp_path / "two", labels=2))
    with PertinenceRerank(model=folder, backend="torch") as reranker:
        kept = scores(reranker, documents, query)
    assert len(kept) == 3
    assert all(0 < score < 1 for score in kept)


@faked
@pytest.mark.parametrize("typo", ["top_N", "treshold", "api_kye", "timeuot"])
def test_a_mistyped_option_is_refused(typo: str) -> None:
    with pytest.raises(OptionError, match=f"unknown option '{typo}'; did you mean"):
        PertinenceRerank(**{typo: 3})


# Servers


@pytest.mark.parametrize(
    ("deed", "error"),
    [
        (always(fails(400)), EndpointError),
        (fails(500), EndpointError),
        (changes(lambda entries: entries[:-1]), ScoreError),
        (changes(lambda entries: [*entries, entries[0]]), ScoreError),
        (changes(lambda entries: [{**each, "relevance_score": None} for each in entries]), ScoreError),
    ],
    ids=["400", "500", "too few", "too many", "none"],
)
def test_what_goes_wrong_at_a_server_is_an_error_and_no_empty_list(
    deed: Deed, error: type[Exception], documents: list[Document], query: str
) -> None:
    with Hostile(deed) as server:
        reranker = PertinenceRerank(model="m", base_url=server.url, max_retries=0)
        with pytest.raises(error):
            reranker.compress_documents(documents, query)


def test_a_server_that_is_busy_is_asked_again_when_it_says(documents: list[Document], query: str) -> None:
    with Hostile(fails(429, "slow down", "1")) as server:
        began = time.monotonic()
        assert len(PertinenceRerank(model="m", base_url=server.url).compress_documents(documents, query)) == 3
        assert time.monotonic() - began >= 1


def test_a_server_that_never_answers_ends_in_a_timeout(documents: list[Document], query: str) -> None:
    with Hostile(hangs) as server:
        reranker = PertinenceRerank(model="m", base_url=server.url, timeout=0.3)
        with pytest.raises(EndpointTimeoutError):
            reranker.compress_documents(documents, query)


def test_making_a_component_asks_nobody() -> None:
    with Cohere() as server:
        PertinenceRerank(model=server.model, base_url=server.url)
        assert server.calls == []


def test_any_server_may_be_named_and_the_key_is_in_nothing_that_is_written(
    documents: list[Document], query: str
) -> None:
    with Cohere(key=KEY) as server:
        reranker = PertinenceRerank(model=server.model, base_url=server.url, api_key=KEY)  # type: ignore[arg-type]
        assert len(reranker.compress_documents(documents, query)) == 3
        assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
    written = f"{reranker!r} {dumps(reranker)} {reranker.model_dump_json()} {pickle.dumps(reranker)!r}"
    assert KEY not in written


def test_one_component_serves_many_event_loops_over_one_connection(
    documents: list[Document], query: str
) -> None:
    with Cohere() as server:
        reranker = PertinenceRerank(model=server.model, base_url=server.url)
        kept = [asyncio.run(reranker.acompress_documents(documents, query)) for _ in range(3)]
        assert kept[0] == kept[1] == kept[2] == reranker.compress_documents(documents, query)


# Threads and loops


def retrieved(retriever: ContextualCompressionRetriever, queries: list[str]) -> list[list[Document]]:
    return retriever.batch(queries, {"max_concurrency": 16})


def aretrieved(retriever: ContextualCompressionRetriever, queries: list[str]) -> list[list[Document]]:
    return asyncio.run(retriever.abatch(queries))


@pytest.mark.parametrize("batch", [retrieved, aretrieved])
def test_one_component_serves_batches(
    batch: Callable[..., list[list[Document]]], documents: list[Document]
) -> None:
    retriever = ContextualCompressionRetriever(
        base_compressor=PertinenceRerank(top_n=2), base_retriever=FirstStage(documents=documents)
    )
    queries = ["old mill", "taxes due", "river flood", "nothing"] * 8
    for kept, query in zip(batch(retriever, queries), queries, strict=True):
        alone = retriever.invoke(query)
        assert [each.id for each in kept] == [each.id for each in alone]
        assert [each.metadata["relevance_score"] for each in kept] == pytest.approx(
            [each.metadata["relevance_score"] for each in alone], abs=1e-6
        )


@faked
def test_waiting_queries_hold_no_threads(documents: list[Document], query: str, scorer: FakeScorer) -> None:
    async def main() -> None:
        with scorer.held():
            tasks = [asyncio.create_task(reranker.acompress_documents(documents, query)) for _ in range(64)]
            await asyncio.wrap_future(scorer.taken(64))
            assert threading.active_count() < before + 8
        assert len(await asyncio.gather(*tasks)) == 64

    reranker, before = PertinenceRerank(), threading.active_count()
    asyncio.run(main())


@faked
def test_a_component_in_use_can_be_pickled_and_copied(documents: list[Document], query: str) -> None:
    reranker = PertinenceRerank(top_n=2)
    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(reranker.compress_documents, documents, query) for _ in range(8)]
        twins = [pickle.loads(pickle.dumps(reranker)), copy.deepcopy(reranker), reranker.model_copy()]
    for twin in twins:
        assert twin.compress_documents(documents, query) == results[0].result()


# Prompts


@faked
def test_queries_and_documents_may_be_put_into_prompts(
    documents: list[Document], query: str, scorer: FakeScorer
) -> None:
    PertinenceRerank(query_prefix="question: ", document_prefix="passage: ").rerank(documents[:1], query)
    assert scorer.requests == [(f"question: {query}", ["passage: Taxes are due in May"])]
