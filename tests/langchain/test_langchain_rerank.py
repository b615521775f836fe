"""`PertinenceRerank` among the parts of LangChain: documents, compressors, pipelines."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_classic.retrievers.document_compressors import CrossEncoderReranker, DocumentCompressorPipeline
from langchain_core.documents import Document

from langchain_pertinence import PertinenceCrossEncoder, PertinenceRerank
from pertinence import InputError, Reranker
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


def test_the_kept_documents_have_metadata_of_their_own(documents: list[Document], query: str) -> None:
    for kept in PertinenceRerank().compress_documents(documents, query):
        kept.metadata["page"] = "changed"
    assert [document.metadata for document in documents] == [{"page": 1}, {"page": 2}, {"page": 3}]


def test_documents_that_were_scored_before_are_scored_anew(documents: list[Document], query: str) -> None:
    reranker = PertinenceRerank()
    before = reranker.compress_documents(documents, "taxes due")
    after = reranker.compress_documents(before, query)
    assert [document.metadata for document in after] == [
        document.metadata for document in reranker.compress_documents(documents, query)
    ]
    assert before[0].id == "taxes"
    assert before[0].metadata["relevance_score"] > 0.5


def test_the_kept_documents_can_be_written_as_json(documents: list[Document], query: str) -> None:
    kept = PertinenceRerank(top_n=1).compress_documents(documents, query)
    assert json.loads(kept[0].model_dump_json())["metadata"]["relevance_score"] > 0.5


def test_a_pipeline_of_compressors_ends_with_the_best(documents: list[Document], query: str) -> None:
    pipeline = DocumentCompressorPipeline(transformers=[PertinenceRerank(top_n=2), PertinenceRerank(top_n=1)])
    assert [each.id for each in pipeline.compress_documents(documents, query)] == ["mill"]
    assert [each.id for each in asyncio.run(pipeline.acompress_documents(documents, query))] == ["mill"]
    assert pipeline.compress_documents([], query) == []


def test_rerank_takes_plain_texts(documents: list[Document], query: str) -> None:
    reranker = PertinenceRerank()
    places = reranker.rerank([document.page_content for document in documents], query)
    assert places == reranker.rerank(documents, query)
    assert [each["index"] for each in places] == [1, 2, 0]
    assert json.loads(json.dumps(places)) == places


def test_what_is_no_document_is_refused_by_its_index(documents: list[Document], query: str) -> None:
    with pytest.raises(InputError, match="document 3 must be a string, not dict"):
        PertinenceRerank().rerank([*documents, {"page_content": "text"}], query)  # type: ignore[list-item]


def test_a_cross_encoder_scores_each_pair_with_its_own_query(documents: list[Document]) -> None:
    queries = ["old mill", "river", "old mill", "taxes"]
    texts = [documents[place].page_content for place in (0, 1, 2, 0)]
    scores = PertinenceCrossEncoder().score(list(zip(queries, texts, strict=True)))
    alone = [Reranker().score(query, [text])[0] for query, text in zip(queries, texts, strict=True)]
    assert scores == alone
    assert {type(score) for score in scores} == {float}
    assert PertinenceCrossEncoder().score([]) == []


def test_a_cross_encoder_works_where_langchain_takes_one(documents: list[Document], query: str) -> None:
    reranker = CrossEncoderReranker(model=PertinenceCrossEncoder(), top_n=2)
    assert [each.id for each in reranker.compress_documents(documents, query)] == ["mill", "flood"]


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
