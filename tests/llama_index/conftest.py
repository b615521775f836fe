from __future__ import annotations

from collections.abc import Iterator

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from pertinence.integration import Options
from pertinence.testing import FakeScorer, scoring_with


@pytest.fixture
def scorer() -> Iterator[FakeScorer]:
    scorer = FakeScorer()
    yield scorer
    scorer.close()


@pytest.fixture
def made(scorer: FakeScorer) -> Iterator[list[Options]]:
    """The options of every reranker that was made; with it, no model is loaded."""
    with scoring_with(scorer) as options:
        yield options


@pytest.fixture
def query() -> str:
    return "old mill river"


@pytest.fixture
def text_nodes() -> list[TextNode]:
    return [
        TextNode(id_="taxes", text="Taxes are due in May", metadata={"page": 1}),
        TextNode(id_="mill", text="an old mill on the river", metadata={"page": 2}),
        TextNode(id_="flood", text="a river in spring flood", metadata={"page": 3}),
    ]


@pytest.fixture
def nodes(text_nodes: list[TextNode]) -> list[NodeWithScore]:
    return [NodeWithScore(node=node, score=0.5 - place / 10) for place, node in enumerate(text_nodes)]
