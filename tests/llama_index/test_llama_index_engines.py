"""Both components at work in LlamaIndex's own engines and tools, with real models and no LLM that is paid."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import Response
from llama_index.core.llms import MockLLM
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.query_engine import BaseQueryEngine, RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import QueryEngineTool, RetrieverTool

from llama_index.embeddings.pertinence import PertinenceEmbedding
from llama_index.postprocessor.pertinence import PertinenceRerank
from pertinence import Reranker
from pertinence.local.serving.pool import loaded
from support.texts import WORDS

pytest.importorskip("sentence_transformers", reason="embedding models run on the torch backend")

QUESTIONS = {
    "À quelle heure part le dernier train pour la vallée ?": WORDS[0],
    "Comment contester une facture d'eau ?": WORDS[4],
    "When does the museum open?": WORDS[5],
    "Why does water boil sooner on a mountain?": WORDS[9],
}


@pytest.fixture
def index(embedding: PertinenceEmbedding) -> VectorStoreIndex:
    return VectorStoreIndex([TextNode(text=text) for text in WORDS], embed_model=embedding)


@pytest.fixture
def reranker() -> Iterator[PertinenceRerank]:
    with PertinenceRerank(top_n=2) as opened:
        yield opened


@pytest.fixture
def engine(index: VectorStoreIndex, reranker: PertinenceRerank) -> BaseQueryEngine:
    """It answers with the prompt that the language model was given."""
    return index.as_query_engine(llm=MockLLM(), similarity_top_k=len(WORDS), node_postprocessors=[reranker])


def test_an_engine_answers_from_the_passage_that_fits(engine: BaseQueryEngine) -> None:
    for question, passage in QUESTIONS.items():
        answer = engine.query(question)
        assert answer.source_nodes[0].get_content() == passage
        assert len(answer.source_nodes) == 2
        assert passage in str(answer)


def test_eight_queries_at_once_get_the_answers_of_one(engine: BaseQueryEngine) -> None:
    async def main() -> list[Any]:
        return list(await asyncio.gather(*(engine.aquery(question) for question in questions)))

    questions = list(QUESTIONS) * 2
    for answer, question in zip(asyncio.run(main()), questions, strict=True):
        alone = engine.query(question)
        assert str(answer) == str(alone)
        assert scores(answer) == pytest.approx(scores(alone), abs=1e-6)


def test_a_retriever_with_a_reranker_behind_it_and_a_threshold_that_keeps_nothing(
    index: VectorStoreIndex,
) -> None:
    engine = RetrieverQueryEngine.from_args(
        index.as_retriever(similarity_top_k=5),
        llm=MockLLM(),
        node_postprocessors=[PertinenceRerank(top_n=3, threshold=1.1)],
    )
    answer = engine.query("Why does water boil sooner on a mountain?")
    assert answer.source_nodes == []
    assert str(answer) == "Empty Response"


def test_other_postprocessors_read_our_scores(index: VectorStoreIndex) -> None:
    question = "Why does water boil sooner on a mountain?"
    best, second = Reranker().rank(question, WORDS, top_k=2).scores
    between = SimilarityPostprocessor(similarity_cutoff=(best + second) / 2)
    engine = index.as_query_engine(
        llm=MockLLM(), similarity_top_k=len(WORDS), node_postprocessors=[PertinenceRerank(), between]
    )
    assert [found.get_content() for found in engine.query(question).source_nodes] == [WORDS[9]]


@pytest.mark.parametrize("door", ["call", "acall"])
def test_tools_give_an_agent_what_the_engine_gives(
    index: VectorStoreIndex, engine: BaseQueryEngine, reranker: PertinenceRerank, door: str
) -> None:
    by_engine = QueryEngineTool.from_defaults(engine, name="notes", description="Answers from notes.")
    by_retriever = RetrieverTool.from_defaults(
        index.as_retriever(similarity_top_k=len(WORDS)), node_postprocessors=[reranker]
    )
    question, passage = next(iter(QUESTIONS.items()))
    for tool in (by_engine, by_retriever):
        output = tool.call(question) if door == "call" else asyncio.run(tool.acall(question))
        assert passage in output.content


def test_copies_of_the_reranker_share_one_model(reranker: PertinenceRerank) -> None:
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in WORDS]
    question, passage = next(iter(QUESTIONS.items()))
    expected = reranker.postprocess_nodes(nodes, query_str=question)
    before = loaded()
    for twin in (
        copy.copy(reranker),
        copy.deepcopy(reranker),
        pickle.loads(pickle.dumps(reranker)),
        reranker.model_copy(deep=True),
        PertinenceRerank.from_dict(reranker.to_dict()),
    ):
        with twin:
            assert [found.get_content() for found in twin.postprocess_nodes(nodes, query_str=question)] == [
                found.get_content() for found in expected
            ]
            assert loaded() == before
    assert expected[0].get_content() == passage
    assert loaded() == before


def scores(answer: Any) -> list[float]:
    assert isinstance(answer, Response)
    return [found.score or 0.0 for found in answer.source_nodes]
