"""Vectors of a server in the form that was asked for: cut by the server or here, and to what length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from remote.servers.openai import OpenAI, cut, error
from remote.servers.scoring import vector
from remote.servers.tei import Tei
from remote.servers.vllm import Vllm
from remote.servers.wire import Answer, Server

from pertinence import Embedder, EndpointError, OptionError
from pertinence.integration import Embeddings

TEXTS = [f"text {number}" for number in range(5)]
WHOLE = np.array([vector(text) for text in TEXTS], dtype=np.float32)
SHORT = np.array([cut(vector(text), 3) for text in TEXTS], dtype=np.float32)


def embedded(server: Server, path: str = "", **options: Any) -> Embeddings:
    with Embedder(server.model, base_url=server.url + path, **options) as embedder:
        found = embedder.embed(TEXTS)
        assert embedder.dims == found.values.shape[1]
        assert embedder.embed([]).values.shape == (0, embedder.dims)
        assert embedder.embed([]).values.dtype == found.values.dtype
        return found


def test_a_server_that_knows_dimensions_is_asked_for_them() -> None:
    with OpenAI() as server:
        found = embedded(server, truncate_dim=3)
        assert all(call.json()["dimensions"] == 3 for call in server.calls)
    np.testing.assert_allclose(found.values, SHORT, atol=1e-6)


def test_a_server_is_not_asked_for_what_nobody_wants() -> None:
    with OpenAI() as server:
        embedded(server)
        assert all("dimensions" not in call.json() for call in server.calls)


@pytest.mark.parametrize(
    "dialect", [None, {"name": "openai", "dimensions": None}], ids=["reads past it", "has no such field"]
)
def test_what_a_server_does_not_cut_is_cut_here_to_the_same_vectors(dialect: Any) -> None:
    with Tei() as server:
        found = embedded(server, "/v1", truncate_dim=3, dialect=dialect)
        sent = {"dimensions" in call.json() for call in server.calls}
    assert sent == {dialect is None}
    np.testing.assert_allclose(found.values, SHORT, atol=1e-6)


def test_a_server_whose_model_cannot_be_cut_says_so_itself() -> None:
    class Fixed(Vllm):
        def embed(self, call: Any) -> Answer:
            if "dimensions" in call.json():
                message = "Model does not support matryoshka representation"
                return error(400, message, "BadRequestError", "dimensions", 400)
            return super().embed(call)

    with (
        Fixed() as server,
        Embedder(server.model, base_url=server.url, truncate_dim=3) as embedder,
        pytest.raises(EndpointError, match="does not support matryoshka representation"),
    ):
        embedder.embed_documents(TEXTS)


def test_more_numbers_than_the_server_gives_are_refused() -> None:
    with Tei() as server, pytest.raises(OptionError, match="truncate_dim is 99, but"):
        embedded(server, "/v1", truncate_dim=99)


def test_precision_is_made_here() -> None:
    with OpenAI() as server:
        bits = embedded(server, precision="ubinary").values
        ranges = [WHOLE.min(axis=0).tolist(), WHOLE.max(axis=0).tolist()]
        small = embedded(server, precision="uint8", ranges=ranges).values
    np.testing.assert_array_equal(bits, np.packbits(WHOLE > 0, axis=1))
    assert (small.dtype, small.shape, small.max()) == (np.uint8, WHOLE.shape, 255)


def test_usage_is_told_and_a_cut_is_not_known() -> None:
    with OpenAI() as server:
        found = embedded(server)
    assert found.usage["total_tokens"] == 2 * len(TEXTS)
    assert found.truncated is None
    assert found.notes == ["the server does not tell whether it cut long texts"]


def test_a_server_cannot_be_asked_to_leave_out_its_normalisation() -> None:
    with pytest.raises(OptionError, match="normalize=False cannot be had of a server"):
        Embedder(base_url="http://127.0.0.1:9", normalize=False)
