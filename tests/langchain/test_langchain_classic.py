"""Inside langchain-classic: its retriever, its pipeline, and its reranker around our cross-encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever, EnsembleRetriever
from langchain_classic.retrievers.document_compressors import CrossEncoderReranker, DocumentCompressorPipeline
from langchain_core.documents import BaseDocumentCompressor, BaseDocumentTransformer, Document
from langchain_core.runnables import ConfigurableField

from langchain_pertinence import PertinenceCrossEncoder, PertinenceRerank, PertinenceRetriever
from pertinence import InputError, Reranker
from pertinence.testing import FakeScorer
from support.langchain import AsyncRecorder, FirstStage

pytestmark = pytest.mark.usefixtures("made")


class Shortened(BaseDocumentTransformer):
    """A step of another kind, before ours."""

    def transform_documents(self, documents: Sequence[Document], **_: Any) -> list[Document]:
        return [each.model_copy(update={"page_content": each.page_content[:40]}) for each in documents]


QUERIES = ["old mill", "taxes due", "river flood", "nothing at all"] * 10


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


@pytest.fixture(params=["PertinenceRerank", "CrossEncoderReranker", "pipeline"])
def compressor(request: pytest.FixtureRequest) -> BaseDocumentCompressor:
    """The ways to put our scores into langchain-classic."""
    if request.param == "PertinenceRerank":
        return PertinenceRerank(top_n=2)
    if request.param == "CrossEncoderReranker":
        return CrossEncoderReranker(model=PertinenceCrossEncoder(), top_n=2)
    return DocumentCompressorPipeline(transformers=[Shortened(), PertinenceRerank(top_n=2)])


@pytest.fixture
def retriever(
    compressor: BaseDocumentCompressor, documents: list[Document]
) -> ContextualCompressionRetriever:
    return ContextualCompressionRetriever(
        base_compressor=compressor, base_retriever=FirstStage(documents=documents)
    )


def test_the_best_come_first_in_both_worlds(retriever: ContextualCompressionRetriever, query: str) -> None:
    assert ids(retriever.invoke(query)) == ["mill", "flood"]
    assert ids(asyncio.run(retriever.ainvoke(query))) == ["mill", "flood"]


def test_batches_in_both_worlds_give_what_single_calls_give(
    retriever: ContextualCompressionRetriever,
) -> None:
    alone = [ids(retriever.invoke(each)) for each in QUERIES]
    assert [ids(kept) for kept in retriever.batch(QUERIES, {"max_concurrency": 16})] == alone
    assert [ids(kept) for kept in asyncio.run(retriever.abatch(QUERIES))] == alone


def test_a_pipeline_traces_each_rerank_step_in_it(documents: list[Document], query: str) -> None:
    recorder = AsyncRecorder()
    pipeline = DocumentCompressorPipeline(transformers=[PertinenceRerank(top_n=2), PertinenceRerank(top_n=1)])
    asyncio.run(pipeline.acompress_documents(documents, query, callbacks=[recorder]))
    assert recorder.ended == [("PertinenceRerank", ["mill", "flood"]), ("PertinenceRerank", ["mill"])]


def test_a_pipeline_takes_no_documents(query: str) -> None:
    pipeline = DocumentCompressorPipeline(transformers=[PertinenceRerank(), PertinenceRerank()])
    assert pipeline.compress_documents([], query) == []


def test_what_several_retrievers_find_is_put_in_one_order(documents: list[Document], query: str) -> None:
    stages = [FirstStage(documents=documents[:2]), FirstStage(documents=documents[1:])]
    both = EnsembleRetriever(retrievers=stages, weights=[0.5, 0.5], id_key=None)
    assert ids(PertinenceRetriever(retriever=both).invoke(query)) == ["mill", "flood", "taxes"]


def test_a_cross_encoder_serves_many_threads(documents: list[Document]) -> None:
    encoder = PertinenceCrossEncoder()
    pairs = [[(query, document.page_content) for document in documents] for query in QUERIES]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(encoder.score, pairs)) == [encoder.score(each) for each in pairs]


def test_a_cross_encoder_scores_each_pair_with_its_own_query(documents: list[Document]) -> None:
    queries = ["old mill", "river", "old mill", "taxes"]
    texts = [documents[place].page_content for place in (0, 1, 2, 0)]
    scores = PertinenceCrossEncoder().score(list(zip(queries, texts, strict=True)))
    alone = [Reranker().score(query, [text])[0] for query, text in zip(queries, texts, strict=True)]
    assert scores == alone
    assert {type(score) for score in scores} == {float}
    assert PertinenceCrossEncoder().score([]) == []


def test_a_cross_encoder_names_the_pair_that_it_cannot_score(scorer: FakeScorer) -> None:
    with pytest.raises(InputError, match="pair 1: query is empty"):
        PertinenceCrossEncoder().score([("mill", "text"), (" ", "text")])
    with pytest.raises(InputError, match="pair 2: its text must be a string, not NoneType"):
        PertinenceCrossEncoder().score([("mill", "a"), ("taxes", "b"), ("mill", None)])  # type: ignore[list-item]
    with pytest.raises(InputError, match="pair 0: query must be a string, not NoneType"):
        PertinenceCrossEncoder().score([(None, "text")])  # type: ignore[list-item]
    with pytest.raises(InputError, match="pair 1 must be a query and a text"):
        PertinenceCrossEncoder().score([("mill", "text"), ("mill",)])  # type: ignore[list-item]
    assert scorer.requests == []


def test_a_field_may_be_set_at_run_time(documents: list[Document], query: str) -> None:
    field = ConfigurableField(id="kept")
    retriever = PertinenceRetriever(retriever=FirstStage(documents=documents), k=1)
    configurable = retriever.configurable_fields(k=field)
    assert len(configurable.invoke(query)) == 1
    assert len(configurable.with_config(configurable={"kept": 2}).invoke(query)) == 2
