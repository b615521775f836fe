"""What the tests of LlamaIndex share: nodes, a scorer in place of a model, a small embedder, recorders."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.callbacks import LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.base import BaseEvent
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import Field

from llama_index.embeddings.pertinence import PertinenceEmbedding
from pertinence import Embedder
from pertinence.integration import Options
from pertinence.testing import FakeScorer, scoring_with
from support.embedders import build_embedder
from support.texts import WORDS

HEARD = (EmbeddingStartEvent, EmbeddingEndEvent, ReRankStartEvent, ReRankEndEvent)


class Recorder(BaseEventHandler):
    """Keeps the events of embedding and reranking."""

    events: list[BaseEvent] = Field(default_factory=list)

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        if isinstance(event, HEARD):
            self.events.append(event)


class Unpicklable(LlamaDebugHandler):
    """A callback handler as many are: it holds what no pickle can carry."""

    def __init__(self) -> None:
        super().__init__(print_trace_on_end=False)
        self.lock = threading.Lock()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    root, recorder = get_dispatcher(), Recorder()
    root.event_handlers.append(recorder)
    yield recorder
    root.event_handlers.remove(recorder)


@pytest.fixture
def spans() -> Iterator[SimpleSpanHandler]:
    root, handler = get_dispatcher(), SimpleSpanHandler()
    root.span_handlers.append(handler)
    yield handler
    root.span_handlers.remove(handler)


@pytest.fixture
def unpicklable() -> LlamaDebugHandler:
    return Unpicklable()


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


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An embedding model of random weights."""
    pytest.importorskip("sentence_transformers", reason="embedding models run on the torch backend")
    return str(build_embedder("tiny-embedder", tmp_path_factory.mktemp("embedding") / "tiny"))


@pytest.fixture
def embedding(folder: str) -> Iterator[PertinenceEmbedding]:
    with PertinenceEmbedding(model_name=folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def vectors(folder: str) -> list[list[float]]:
    """What the core makes of `WORDS`."""
    with Embedder(folder) as embedder:
        return [vector.tolist() for vector in embedder.embed_documents(WORDS)]
