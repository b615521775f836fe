"""What other rankers of Haystack fell into, and ours does not; the numbers are those of its issues."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from haystack import Document
from remote.servers.cohere import Cohere
from remote.servers.wire import Answer, Call, Route, Server, as_json

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence import EndpointError
from pertinence.integration import Options
from pertinence.testing import FakeScorer
from support.models import build
from support.texts import QUERY, passages
from support.waiting import HANGS


def parameters(component: type) -> dict[str, Any]:
    signature = inspect.signature(component.__init__)  # type: ignore[misc]
    return {name: each.default for name, each in signature.parameters.items() if name != "self"}


def scores(output: dict[str, Any]) -> dict[str, float]:
    return {document.id: document.score for document in output["documents"]}


@pytest.fixture(scope="module")
def ranker() -> Iterator[PertinenceRanker]:
    """The embedded default."""
    made = PertinenceRanker()
    yield made
    made.close()


def test_what_users_of_the_peer_have_is_taken_over() -> None:
    peers = pytest.importorskip("haystack_integrations.components.rankers.sentence_transformers")
    theirs = parameters(peers.SentenceTransformersSimilarityRanker)
    # The README says what becomes of each.
    assert set(theirs) - set(parameters(PertinenceRanker)) == {
        "batch_size",
        "tokenizer_kwargs",
        "config_kwargs",
    }
    theirs = inspect.signature(peers.SentenceTransformersSimilarityRanker.run).parameters
    assert set(theirs) == set(inspect.signature(PertinenceRanker.run).parameters)


def test_the_order_and_the_scores_are_those_of_the_peer(model_folder: Callable[[str], Path]) -> None:
    peers = pytest.importorskip("haystack_integrations.components.rankers.sentence_transformers")
    documents = [Document(content=text, meta={"title": "Mills", "page": 0}) for text in passages(12)]
    shared: dict[str, Any] = {
        "model": str(model_folder("tiny")),
        "query_prefix": "q: ",
        "document_suffix": " .",
        "meta_fields_to_embed": ["title", "page"],
        "embedding_separator": " | ",
        "top_k": 5,
    }
    for call in ({}, {"scale_score": False}, {"score_threshold": 0.0, "top_k": 3}):
        theirs = peers.SentenceTransformersSimilarityRanker(**shared).run(
            query=QUERY, documents=documents, **call
        )
        ours = PertinenceRanker(**shared).run(query=QUERY, documents=documents, **call)
        assert list(scores(ours)) == list(scores(theirs))
        assert scores(ours) == pytest.approx(scores(theirs), abs=1e-5)


def test_every_parameter_is_written_out() -> None:  # 9248
    assert PertinenceRanker().to_dict()["init_parameters"].keys() == parameters(PertinenceRanker).keys()


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_other_runtimes_give_the_same_scores(  # 9376
    backend: Any, documents: list[Document], query: str
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip(backend.replace("onnx", "onnxruntime"))
    torch, other = (
        PertinenceRanker(backend=each, dtype="float32").run(query, documents) for each in ("torch", backend)
    )
    assert scores(other) == pytest.approx(scores(torch), abs=1e-5)


def test_a_model_of_two_labels_gives_one_probability(  # 7521
    tmp_path: Path, documents: list[Document], query: str
) -> None:
    pytest.importorskip("torch")
    ranker = PertinenceRanker(model=str(build("tiny", tmp_path / "two", labels=2)))
    output = ranker.run(query, documents)
    assert output["meta"]["score_kind"] == "probability"
    assert len(output["documents"]) == 3
    assert all(type(score) is float and 0 <= score <= 1 for score in scores(output).values())
    ranker.close()


def test_threads_do_not_disturb_each_others_tokenizing(ranker: PertinenceRanker) -> None:  # 1229
    questions = [
        (f"{number} {QUERY}", [Document(content=f"{number} {text}") for text in passages(4, seed=number)])
        for number in range(16)
    ]
    alone = [scores(ranker.run(*question)) for question in questions]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda question: scores(ranker.run(*question)), questions))
    for expected, got in zip(alone, together, strict=True):
        assert got == pytest.approx(expected, abs=1e-6)


def test_no_document_is_changed_in_place(
    ranker: PertinenceRanker, documents: list[Document], query: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Haystack warns of a document whose field is set
        output = ranker.run(query, documents)
    assert [document.score for document in documents] == [None] * 3
    assert not {id(document.meta) for document in documents} & {
        id(document.meta) for document in output["documents"]
    }


def test_nothing_needs_torch() -> None:
    code = """
import sys
sys.modules["torch"] = None
from haystack import Document, Pipeline
from haystack.utils import ComponentDevice
from haystack_integrations.components.rankers.pertinence import PertinenceRanker
ranker = PertinenceRanker(model_kwargs={"dummy": [1]}, device=ComponentDevice.from_str("cpu"))
data = ranker.to_dict()
assert PertinenceRanker.from_dict(data).to_dict() == data
print(PertinenceRanker().run("an old mill", [Document(content="a mill")])["documents"][0].score)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert 0 <= float(done.stdout) <= 1


# Asynchronous


class Slow(FakeScorer):
    """Its loading is over when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: Future[None] = Future()

    def warm_up(self) -> Future[None]:
        return self.loaded


@pytest.fixture
def scorer() -> Iterator[FakeScorer]:
    scorer = Slow()
    yield scorer
    scorer.close()


def test_warming_up_leaves_the_event_loop_free(scorer: Slow, made: list[Options]) -> None:
    async def main() -> None:
        task = asyncio.create_task(PertinenceRanker().warm_up_async())
        for _ in range(3):
            await asyncio.sleep(0)  # would not come back if loading held the loop
        assert made
        assert not task.done()
        scorer.loaded.set_result(None)
        await asyncio.wait_for(task, timeout=HANGS)

    asyncio.run(main())


# Servers


class Failing(Server):
    """Answers with a status of failure, and a body that could be taken for scores."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/rerank"): self.rerank}

    def rerank(self, call: Call) -> Answer:
        results = [{"index": place, "relevance_score": 0.5} for place in range(3)]
        return as_json({"results": results, "message": "out of order"}, self.status)


@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_what_a_failing_server_says_is_no_score(status: int, documents: list[Document], query: str) -> None:
    with Failing(status) as server:
        ranker = PertinenceRanker(base_url=server.url, max_retries=0)
        with pytest.raises(EndpointError) as raised:
            ranker.run(query, documents)
        assert raised.value.status == status
        with pytest.raises(EndpointError):
            asyncio.run(ranker.run_async(query, documents))
        ranker.close()


def test_a_server_is_not_asked_about_no_documents() -> None:
    with Cohere() as server:
        ranker = PertinenceRanker(model=server.model, base_url=server.url)
        assert ranker.run("old mill", [])["documents"] == []
        assert asyncio.run(ranker.run_async("old mill", []))["documents"] == []
        assert server.calls == []


def test_a_run_tells_what_a_server_counted(documents: list[Document], query: str) -> None:
    with Cohere() as server:
        meta = PertinenceRanker(model=server.model, base_url=server.url).run(query, documents)["meta"]
    assert meta["model"] == server.model
    assert meta["truncated"] is None  # it may have cut, and does not tell
    assert sum(meta["usage"].values()) > 0
