"""What real servers said, through every adapter: the ids, scores and vectors that the core has of them."""

from __future__ import annotations

from typing import Any

import pytest
from remote.recording.scenes import KEY, QUERY, SCENES, TEXTS, WAYS, cassette, play

from support.drivers import drivers

pytestmark = pytest.mark.usefixtures("socket_disabled")

RERANKERS = {
    "langchain": "CompressorDriver",
    "llama_index": "PostprocessorDriver",
    "haystack": "RankerDriver",
}
EMBEDDERS = {"langchain": "EmbeddingsDriver", "llama_index": "EmbeddingDriver", "haystack": "EmbeddersDriver"}


def driver_of(framework: str, names: dict[str, str]) -> Any:
    return getattr(drivers(framework), names[framework])()


def made(driver: Any, name: str) -> Any:
    """A component that asks the server of a scene."""
    with SCENES[name].open() as client:
        options = client.options
    asked = {"model": options.model, "base_url": options.base_url, "dialect": options.dialect}
    asked |= {"max_retries": 0, "concurrency": 1, "api_key": driver.value("api_key", KEY)}
    return driver.make(**{driver.word(option): value for option, value in asked.items()})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["infinity-rerank", "llamacpp-rerank"])
@pytest.mark.parametrize("framework", RERANKERS)
async def test_a_recorded_server_ranks_as_the_core_says(framework: str, name: str, way: str) -> None:
    driver = driver_of(framework, RERANKERS)
    documents = [driver.document(f"id-{number}", text, {"n": number}) for number, text in enumerate(TEXTS)]
    component = made(driver, name)
    with cassette(name, way):
        expected = await play(name, way)
    with cassette(name, way):
        run = driver.run(component, QUERY, documents) if way == "sync" else None
        hits = run if run is not None else await driver.arun(component, QUERY, documents)
    assert [hit.id for hit in hits] == [f"id-{item.index}" for item in expected]
    assert [hit.score for hit in hits] == [item.score for item in expected]
    assert [hit.text for hit in hits] == [item.document for item in expected]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("framework", EMBEDDERS)
async def test_a_recorded_server_embeds_as_the_core_says(framework: str, way: str) -> None:
    driver = driver_of(framework, EMBEDDERS)
    documents = [driver.document(text) for text in TEXTS]
    component = made(driver, "infinity-embed")
    with cassette("infinity-embed", way):
        expected = await play("infinity-embed", way)
    with cassette("infinity-embed", way):
        run = driver.embed_documents(component, documents) if way == "sync" else None
        vectors = run if run is not None else await driver.aembed_documents(component, documents)
    assert [list(vector) for vector in vectors] == expected.tolist()
