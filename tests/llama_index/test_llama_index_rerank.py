"""`PertinenceRerank` among the parts of LlamaIndex: nodes, query engines, tools."""

from __future__ import annotations

import asyncio
import copy
import json
import logging

import pytest
from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import (
    ImageNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.tools import RetrieverTool
from pydantic import AnyUrl

from llama_index.postprocessor.pertinence import PertinenceRerank
from pertinence import InputError, ScoreError
from pertinence.integration import Options
from pertinence.testing import FakeScorer

pytestmark = pytest.mark.usefixtures("made")


def ids(nodes: list[NodeWithScore]) -> list[str]:
    return [found.node.node_id for found in nodes]


@pytest.fixture
def index(text_nodes: list[TextNode]) -> VectorStoreIndex:
    """Gives every node the same vector, so that the order is ours alone."""
    return VectorStoreIndex(text_nodes, embed_model=MockEmbedding(embed_dim=3))


@pytest.fixture
def engine(index: VectorStoreIndex) -> RetrieverQueryEngine:
    """Answers with the prompt that the language model was given."""
    return RetrieverQueryEngine.from_args(
        index.as_retriever(similarity_top_k=10),
        llm=MockLLM(),
        node_postprocessors=[PertinenceRerank(top_n=2, keep_retrieval_score=True)],
    )


@pytest.mark.parametrize("door", ["query", "aquery"])
def test_a_query_engine_answers_from_the_best_nodes(
    engine: RetrieverQueryEngine, query: str, door: str
) -> None:
    answer = engine.query(query) if door == "query" else asyncio.run(engine.aquery(query))
    assert ids(answer.source_nodes) == ["mill", "flood"]
    prompt = str(answer)
    assert prompt.index("an old mill on the river") < prompt.index("a river in spring flood")
    assert "Taxes" not in prompt
    assert "retrieval_score" not in prompt


def test_many_queries_at_once_get_the_answers_of_one(
    engine: RetrieverQueryEngine, scorer: FakeScorer
) -> None:
    async def main() -> list[str]:
        return [str(answer) for answer in await asyncio.gather(*(engine.aquery(each) for each in queries))]

    queries = ["old mill", "spring flood", "taxes in May", "river"] * 2
    assert asyncio.run(main()) == [str(engine.query(each)) for each in queries]
    assert len(scorer.requests) == 2 * len(queries)


@pytest.mark.parametrize("door", ["call", "acall"])
def test_a_retriever_tools_newlines_are_no_part_of_the_query(
    index: VectorStoreIndex, query: str, scorer: FakeScorer, door: str
) -> None:
    tool = RetrieverTool.from_defaults(
        index.as_retriever(similarity_top_k=10), node_postprocessors=[PertinenceRerank(top_n=1)]
    )
    output = tool.call(query) if door == "call" else asyncio.run(tool.acall(query))
    assert output.content.strip().endswith("an old mill on the river")
    assert [asked for asked, _ in scorer.requests] == [query]


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (MetadataMode.EMBED, "page: 2\n\nan old mill"),
        (MetadataMode.LLM, "source: a.txt\n\nan old mill"),
        (MetadataMode.ALL, "page: 2\nsource: a.txt\n\nan old mill"),
        ("none", "an old mill"),
    ],
)
def test_metadata_is_read_as_the_mode_says(
    mode: MetadataMode, text: str, query: str, scorer: FakeScorer
) -> None:
    node = TextNode(
        text="an old mill",
        metadata={"page": 2, "source": "a.txt"},
        excluded_embed_metadata_keys=["source"],
        excluded_llm_metadata_keys=["page"],
    )
    reranker = PertinenceRerank(metadata_mode=mode)
    reranker.postprocess_nodes([NodeWithScore(node=node)], query_str=query)
    assert scorer.requests == [(query, [text])]


def test_metadata_is_read_as_for_embedding_unless_told_otherwise() -> None:
    assert PertinenceRerank().metadata_mode is MetadataMode.EMBED


def test_the_retrieval_score_is_kept_where_no_prompt_shows_it(nodes: list[NodeWithScore], query: str) -> None:
    before = copy.deepcopy(nodes)
    kept = PertinenceRerank(keep_retrieval_score=True).postprocess_nodes(nodes, query_str=query)
    assert {found.node.node_id: found.metadata["retrieval_score"] for found in kept} == {
        "taxes": 0.5,
        "mill": 0.4,
        "flood": 0.3,
    }
    for found in kept:
        for mode in (MetadataMode.EMBED, MetadataMode.LLM):
            assert "retrieval_score" not in found.node.get_content(metadata_mode=mode)
    assert nodes == before


def test_a_second_reranker_reads_the_text_of_the_first(
    nodes: list[NodeWithScore], query: str, scorer: FakeScorer
) -> None:
    reranker = PertinenceRerank(keep_retrieval_score=True)
    once = reranker.postprocess_nodes(nodes, query_str=query)
    twice = reranker.postprocess_nodes(once, query_str=query)
    first, second = (sorted(texts) for _, texts in scorer.requests)
    assert first == second
    assert [found.metadata["retrieval_score"] for found in twice] == [found.score for found in once]
    assert twice[0].node.excluded_llm_metadata_keys == ["retrieval_score"]


def test_no_score_is_kept_unless_asked(nodes: list[NodeWithScore], query: str) -> None:
    for found in PertinenceRerank().postprocess_nodes(nodes, query_str=query):
        assert "retrieval_score" not in found.metadata


def test_the_kept_nodes_are_copies(nodes: list[NodeWithScore], query: str) -> None:
    before = copy.deepcopy(nodes)
    for found in PertinenceRerank().postprocess_nodes(nodes, query_str=query):
        found.score = None
        found.node.metadata["page"] = "changed"
        found.node.excluded_llm_metadata_keys.append("page")
        found.node.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id="changed")
        found.node.set_content("changed")
    assert nodes == before


def test_the_kept_nodes_can_be_written_as_json(nodes: list[NodeWithScore], query: str) -> None:
    (kept,) = PertinenceRerank(top_n=1).postprocess_nodes(nodes, query_str=query)
    assert json.loads(kept.to_json())["score"] == kept.score


@pytest.mark.parametrize("door", ["postprocess_nodes", "apostprocess_nodes"])
def test_nodes_without_text_are_scored_as_empty_and_told_of(
    nodes: list[NodeWithScore], query: str, caplog: pytest.LogCaptureFixture, door: str
) -> None:
    image = ImageNode(image_url="http://127.0.0.1/mill.png", id_="image")
    blank = TextNode(text=" \n", id_="blank")
    mixed = [NodeWithScore(node=image), *nodes, NodeWithScore(node=blank)]
    reranker = PertinenceRerank()
    with caplog.at_level(logging.INFO, logger="pertinence"):
        for _ in range(2):
            kept = getattr(reranker, door)(mixed, query_str=query)
            kept = kept if isinstance(kept, list) else asyncio.run(kept)
            assert ids(kept) == ["mill", "flood", "image", "blank", "taxes"]
    # Loudly once: every search of an index with images would say the same.
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "fake: 2 of 5 were empty"),
        ("INFO", "fake: 2 of 5 were empty"),
    ]


def test_an_images_caption_and_metadata_are_what_is_read_of_it(query: str, scorer: FakeScorer) -> None:
    image = ImageNode(image_url="http://127.0.0.1/1.png", text="an old mill", metadata={"place": "river"})
    several = Node(
        text_resource=MediaResource(text="a river"),
        image_resource=MediaResource(url=AnyUrl("http://127.0.0.1/2.png")),
    )
    PertinenceRerank().postprocess_nodes(
        [NodeWithScore(node=each) for each in (image, several)], query_str=query
    )
    assert scorer.requests == [(query, ["place: river\n\nan old mill", "a river"])]


def test_a_query_with_vectors_of_its_own_is_scored_by_its_words(
    nodes: list[NodeWithScore], query: str, scorer: FakeScorer
) -> None:
    bundle = QueryBundle(query, custom_embedding_strs=["what it may look like"], embedding=[0.1, 0.2])
    PertinenceRerank().postprocess_nodes(nodes, bundle)
    assert [asked for asked, _ in scorer.requests] == [query]


def test_a_query_given_twice_is_refused(nodes: list[NodeWithScore], query: str) -> None:
    with pytest.raises(ValueError, match="both query_str and query_bundle"):
        PertinenceRerank().postprocess_nodes(nodes, QueryBundle(query), query)


def test_a_threshold_may_be_a_negative_logit(
    nodes: list[NodeWithScore], query: str, scorer: FakeScorer
) -> None:
    logits = {"Taxes": -9.5, "mill": -1.5, "flood": -4.0}
    scorer.score = lambda asked, text: next(score for word, score in logits.items() if word in text)
    reranker = PertinenceRerank(score_kind="logit", threshold=-4)
    kept = reranker.postprocess_nodes(nodes, query_str=query)
    assert [(found.node.node_id, found.score) for found in kept] == [("mill", -1.5), ("flood", -4.0)]


def test_a_score_that_is_no_number_is_an_error_and_no_null_in_json(
    nodes: list[NodeWithScore], query: str, scorer: FakeScorer
) -> None:
    scorer.score = lambda asked, text: float("nan")
    with pytest.raises(ScoreError, match="nan for document 0"):
        PertinenceRerank().postprocess_nodes(nodes, query_str=query)


def test_nodes_of_every_class_are_read(query: str, scorer: FakeScorer) -> None:
    found = [
        NodeWithScore(node=ImageNode(image_url="http://127.0.0.1/mill.png", id_="image")),
        NodeWithScore(node=Document(text="an old mill", id_="document")),
        NodeWithScore(node=TextNode(text="a river", id_="text"), score=0.1),
    ]
    kept = PertinenceRerank().postprocess_nodes(found, query_str=query)
    assert ids(kept) == ["document", "text", "image"]
    assert [type(each.node) for each in kept] == [Document, TextNode, ImageNode]
    assert scorer.requests == [(query, ["", "an old mill", "a river"])]


@pytest.mark.parametrize("documents", [True, False])
def test_a_missing_query_is_refused_as_elsewhere_in_llama_index(
    nodes: list[NodeWithScore], documents: bool
) -> None:
    for error in (InputError, ValueError):
        with pytest.raises(error, match="query is missing"):
            PertinenceRerank().postprocess_nodes(nodes if documents else [])


def test_a_query_in_the_place_of_its_bundle_is_understood(nodes: list[NodeWithScore], query: str) -> None:
    kept = PertinenceRerank(top_n=1).postprocess_nodes(nodes, query)  # type: ignore[arg-type]
    assert ids(kept) == ["mill"]


def test_a_node_without_its_wrapper_is_refused_by_its_index(
    nodes: list[NodeWithScore], query: str, scorer: FakeScorer
) -> None:
    mixed = [nodes[0], nodes[1].node]
    with pytest.raises(InputError, match="node 1 must be a NodeWithScore, not TextNode"):
        PertinenceRerank().postprocess_nodes(mixed, query_str=query)  # type: ignore[arg-type]
    assert scorer.requests == []


def test_warming_up_loads_before_the_first_use(scorer: FakeScorer) -> None:
    reranker = PertinenceRerank()
    reranker.warm_up()
    asyncio.run(reranker.awarm_up())
    assert scorer.warm_ups == 2


def test_a_closed_component_opens_its_model_anew(
    nodes: list[NodeWithScore], query: str, made: list[Options]
) -> None:
    with PertinenceRerank() as reranker:
        before = reranker.postprocess_nodes(nodes, query_str=query)
        assert len(made) == 1
    assert reranker.postprocess_nodes(nodes, query_str=query) == before
    assert len(made) == 2


def test_closing_a_copy_leaves_the_original_open(
    nodes: list[NodeWithScore], query: str, made: list[Options]
) -> None:
    reranker = PertinenceRerank()
    reranker.postprocess_nodes(nodes, query_str=query)
    with reranker.model_copy(update={"top_n": 1}) as copied:
        assert len(copied.postprocess_nodes(nodes, query_str=query)) == 1
    made.clear()
    reranker.postprocess_nodes(nodes, query_str=query)
    assert made == []
