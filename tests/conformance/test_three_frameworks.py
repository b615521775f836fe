"""One core, three frameworks: the same order and the same scores, whoever asks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pertinence import Reranker
from support.texts import QUERY, passages

Ranked = list[tuple[str, float]]
Rank = Callable[[str, dict[str, str]], Ranked]


def langchain(**options: Any) -> Rank:
    from langchain_core.documents import Document

    from langchain_pertinence import PertinenceRerank

    reranker = PertinenceRerank(**options)

    def rank(query: str, texts: dict[str, str]) -> Ranked:
        documents = [Document(page_content=text, id=name) for name, text in texts.items()]
        kept = reranker.compress_documents(documents, query)
        return [(str(document.id), document.metadata["relevance_score"]) for document in kept]

    return rank


def llama_index(**options: Any) -> Rank:
    from llama_index.core.schema import NodeWithScore, TextNode

    from llama_index.postprocessor.pertinence import PertinenceRerank

    reranker = PertinenceRerank(**options)

    def rank(query: str, texts: dict[str, str]) -> Ranked:
        nodes = [NodeWithScore(node=TextNode(text=text, id_=name)) for name, text in texts.items()]
        kept = reranker.postprocess_nodes(nodes, query_str=query)
        return [(node.node_id, float(node.score)) for node in kept]

    return rank


def haystack(**options: Any) -> Rank:
    from haystack import Document

    from haystack_integrations.components.rankers.pertinence import PertinenceRanker

    ranker = PertinenceRanker(**options)

    def rank(query: str, texts: dict[str, str]) -> Ranked:
        documents = [Document(content=text, id=name) for name, text in texts.items()]
        kept = ranker.run(query=query, documents=documents)["documents"]
        return [(document.id, document.score) for document in kept]

    return rank


FRAMEWORKS = (langchain, llama_index, haystack)


def assert_all_agree(questions: list[tuple[str, dict[str, str]]], **options: Any) -> None:
    """Each framework ranks every question as the bare core does: the same ids, the same scores."""
    rankers = {framework.__name__: framework(**options) for framework in FRAMEWORKS}
    with Reranker(**options) as core:
        for query, texts in questions:
            names = list(texts)
            expected = core.rank(query, list(texts.values()))
            for framework, rank in rankers.items():
                got = rank(query, texts)
                assert [name for name, _ in got] == [names[item.index] for item in expected], framework
                assert [score for _, score in got] == pytest.approx(expected.scores, abs=1e-6), framework


def test_the_three_frameworks_agree_on_passages_of_all_lengths() -> None:
    texts = {f"p{number}": text for number, text in enumerate(passages(24, longest=200))}
    assert_all_agree([(QUERY, texts), ("brakes of a bicycle", texts)])


def test_the_three_frameworks_agree_on_two_hundred_questions_of_piaf(data: Path) -> None:
    # Cut at 96 tokens: four times over a thousand passages, and a test should not take minutes.
    assert_all_agree(piaf_questions(data / "piaf-fr", queries=200, candidates=5), max_length=96)


def test_the_three_frameworks_agree_on_whole_passages_of_piaf(data: Path) -> None:
    assert_all_agree(piaf_questions(data / "piaf-fr", queries=8, candidates=20))


def piaf_questions(folder: Path, *, queries: int, candidates: int) -> list[tuple[str, dict[str, str]]]:
    """The first questions of the dev part, each with its first candidates."""
    dev = [line.split()[0] for line in (folder / "qrels" / "dev.trec").read_text("utf-8").splitlines()]
    wanted = list(dict.fromkeys(dev))[:queries]
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        corpus = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        texts = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    found: dict[str, list[str]] = {query: [] for query in wanted}
    with gzip.open(folder / "bm25.trec.gz", "rt", encoding="utf-8") as lines:
        for query, _, passage, *_ in map(str.split, lines):
            if query in found and len(found[query]) < candidates:
                found[query].append(passage)
    return [(texts[query], {p: corpus[p] for p in found[query]}) for query in wanted]
