"""The fields of the embedding: what they refuse, what they hide, and the ways it is written out."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core import MockEmbedding
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.storage.kvstore import SimpleKVStore
from pydantic import SecretStr, ValidationError

from llama_index.embeddings.pertinence import PertinenceEmbedding
from pertinence import OptionError
from pertinence.integration import EmbedderValues
from support.texts import WORDS

SECRET = "hf_not_to_be_shown"


def test_its_fields_are_the_options_of_an_embedder_and_those_of_the_base() -> None:
    base = set(MockEmbedding.model_fields) - {"embed_dim"}
    options = set(EmbedderValues.__annotations__) - {"query_prefix", "document_prefix"}
    assert set(PertinenceEmbedding.model_fields) == (
        options | base | {"query_instruction", "text_instruction"}
    )
    assert PertinenceEmbedding.model_fields["trust_remote_code"].default is False
    assert isinstance(PertinenceEmbedding(model_name="m"), BaseEmbedding)


def test_what_another_embedding_was_made_with_is_understood(folder: str, tmp_path: Path) -> None:
    with PertinenceEmbedding(
        model_name=folder,
        query_instruction="q: ",
        text_instruction="d: ",
        normalize=True,
        max_length=16,
        device="cpu",
        cache_folder=str(tmp_path),
        trust_remote_code=False,
        embed_batch_size=4,
        callback_manager=CallbackManager([]),
    ) as embedding:
        vector = embedding.get_text_embedding(WORDS[0] * 3)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_vectors_are_cut_and_normalised_as_asked(folder: str, vectors: list[list[float]]) -> None:
    with PertinenceEmbedding(model_name=folder, truncate_dim=8) as cut:
        np.testing.assert_allclose(
            cut.get_text_embedding_batch(WORDS), [each[:8] for each in vectors], atol=1e-6
        )
    with PertinenceEmbedding(model_name=folder, truncate_dim=8, normalize=True) as unit:
        np.testing.assert_allclose(np.linalg.norm(unit.get_text_embedding_batch(WORDS), axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"model": "m"}, "unknown option 'model'; did you mean 'model_name'"),
        ({"top_n": 3}, "unknown option 'top_n'"),
        ({"model_name": None}, "model_name is missing"),
        ({"query_prefix": "q: "}, "unknown option 'query_prefix'; did you mean 'query_instruction'"),
        ({"text_instruction": 3}, "text_instruction cannot be 3"),
        ({"model_name": 3}, "model_name cannot be 3"),
        ({"truncate_dim": 0}, "truncate_dim must be > 0"),
        ({"precision": "int4"}, "precision must be one of"),
        ({"precision": "int8"}, "precision='int8' needs ranges"),
        ({"base_url": "localhost:8080"}, "base_url is no full URL"),
        ({"embeddings_cache": SimpleKVStore(), "query_suffix": " ?"}, "embeddings_cache"),
        ({"max_length": 0}, "max_length"),
        ({"trust_remote_code": 1}, "trust_remote_code"),
        ({"model_name": ""}, "model_name is empty"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_bad_field_is_refused_at_once_without_telling_the_token(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said) as raised:
        PertinenceEmbedding(**{"model_name": "m", "token": SECRET, **bad})
    assert SECRET not in str(raised.value)
    with pytest.raises(ValidationError) as wrapped:
        PertinenceEmbedding.model_validate({"model_name": "m", "token": SECRET, **bad})
    assert SECRET not in str(wrapped.value)


def test_a_model_must_be_named() -> None:
    with pytest.raises(OptionError, match="model_name is missing"):
        PertinenceEmbedding()  # type: ignore[call-arg]


def test_every_way_to_write_it_out_leads_back() -> None:
    embedding = PertinenceEmbedding(
        model_name="m", embed_batch_size=7, model_kwargs={"a": [1]}, num_workers=2
    )
    assert embedding.to_dict()["class_name"] == "PertinenceEmbedding"
    for other in (
        PertinenceEmbedding.from_dict(embedding.to_dict()),
        PertinenceEmbedding.from_json(embedding.to_json()),
        PertinenceEmbedding.model_validate(embedding.model_dump()),
        PertinenceEmbedding.model_validate_json(embedding.model_dump_json()),
    ):
        assert other.to_dict() == embedding.to_dict()


@pytest.mark.parametrize("token", [SECRET, SecretStr(SECRET)], ids=["str", "SecretStr"])
def test_the_token_is_in_nothing_that_is_written(token: Any) -> None:
    embedding = PertinenceEmbedding(model_name="m", token=token)
    written = [repr(embedding), str(embedding), embedding.to_json(), str(embedding.to_dict())]
    written += [str(embedding.model_dump()), str(pickle.dumps(embedding))]
    if hasattr(embedding, "to_payload"):  # what events carry in newer releases of the framework
        written.append(str(embedding.to_payload()))
    for each in written:
        assert SECRET not in each
    assert copy.deepcopy(embedding).token == SecretStr(SECRET)


def test_pickling_leaves_the_original_whole(unpicklable: LlamaDebugHandler) -> None:
    manager = CallbackManager([unpicklable])
    embedding = PertinenceEmbedding(model_name="m", token=SECRET, callback_manager=manager)
    carried = pickle.loads(pickle.dumps(embedding))
    assert carried.to_dict() == embedding.to_dict()
    assert carried.token is None
    assert embedding.callback_manager is manager
    assert embedding.token == SecretStr(SECRET)
