from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document

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
def documents() -> list[Document]:
    return [
        Document(id="taxes", page_content="Taxes are due in May", metadata={"page": 1}),
        Document(id="mill", page_content="an old mill on the river", metadata={"page": 2}),
        Document(id="flood", page_content="a river in spring flood", metadata={"page": 3}),
    ]


@pytest.fixture(scope="session")
def embedder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding model with random weights."""
    pytest.importorskip("sentence_transformers", reason="building an embedding model needs torch")
    from support.embedders import build_embedder

    return build_embedder("tiny-embedder", tmp_path_factory.mktemp("langchain") / "tiny")
