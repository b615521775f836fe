"""Fixtures that every folder of tests shares: model folders, built once a run, and a cache of its own."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pertinence import Embedder

sys.path.insert(0, str(Path(__file__).parent))

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process of several is still at it when the others have ended."""
    items.sort(key=lambda item: "training" not in item.path.parts)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted models go to a folder of this run, never to the user's."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("PERTINENCE_CACHE")
    os.environ["PERTINENCE_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["PERTINENCE_CACHE"]
    else:
        os.environ["PERTINENCE_CACHE"] = before


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A random-weight model folder by the name of its shape, built on first use."""
    pytest.importorskip("torch", reason="building a model folder needs the extra 'torch'")
    from support.models import build

    built: dict[str, Path] = {}

    def folder(shape: str) -> Path:
        if shape not in built:
            built[shape] = build(shape, tmp_path_factory.mktemp(shape) / shape)
        return built[shape]

    return folder


@pytest.fixture(scope="session")
def tiny_embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedder]:
    """An embedder of random weights with prompts of its own, open: others of its folder share its model."""
    pytest.importorskip("torch", reason="building a model folder needs the extra 'torch'")
    from support.embedders import build_embedder

    prompts = {"query": "query: ", "document": "passage: "}
    folder = tmp_path_factory.mktemp("embedder") / "tiny"
    build_embedder("tiny-embedder", folder, saved={"prompts": prompts})
    with Embedder(folder, dtype="float32") as embedder:
        embedder.warm_up()
        yield embedder


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real retrieval data that `PERTINENCE_DATA` names; skips where it is unset."""
    value = os.environ.get("PERTINENCE_DATA")
    if not value:
        pytest.skip("PERTINENCE_DATA is not set: no real retrieval data at hand")
    return Path(value)


@pytest.fixture(scope="session")
def xlm_roberta_tokenizer(data: Path) -> bytes:
    """The real XLM-R tokenizer file."""
    return gzip.decompress((data / "tokenizers" / "xlm-roberta.tokenizer.json.gz").read_bytes())
