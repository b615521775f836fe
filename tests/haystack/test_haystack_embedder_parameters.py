"""The embedders' parameters: what they refuse, what they hide, how they are written out, what servers do."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.utils import ComponentDevice, Secret
from remote.servers.openai import OpenAI
from remote.servers.scoring import vector

from haystack_integrations.components.embedders.pertinence import (
    PertinenceDocumentEmbedder,
    PertinenceTextEmbedder,
)
from pertinence import AuthenticationError, EndpointError, ModelNotFoundError, OptionError
from pertinence.integration import EmbedderOptions

SECRET = "hf_not_to_be_shown"
KEY = "sk-test-0123456789"
VECTORS: dict[str, Any] = {
    "prefix": "query: ",
    "suffix": " .",
    "normalize_embeddings": True,
    "truncate_dim": 2,
    "precision": "int8",
    "quantization_ranges": [[-1.0, -1.0], [1.0, 1.0]],
}
# One value per parameter that is not its default: for a model of this machine, and for one behind a server.
LOCAL: dict[str, Any] = {
    "model": "some/model",
    "device": ComponentDevice.from_str("cuda:1"),
    "token": Secret.from_env_var("MY_TOKEN", strict=False),
    **VECTORS,
    "backend": "torch",
    "dtype": "bfloat16",
    "max_length": 64,
    "batch_tokens": 512,
    "max_queued": 1000,
    "trust_remote_code": True,
    "revision": "main",
    "cache_folder": "some/folder",
    "local_files_only": True,
    "model_kwargs": {"attn_implementation": "eager"},
}
REMOTE: dict[str, Any] = {
    "model": "some/model",
    **VECTORS,
    "base_url": "http://localhost:8080/v1",
    "dialect": {"name": "openai"},
    "api_key": Secret.from_env_var("MY_KEY", strict=False),
    "timeout": 30.5,
    "max_retries": 0,
    "concurrency": 2,
    "headers": {"X-Team": "search"},
    "verify": False,
    "proxy": "http://localhost:3128",
}
OF_DOCUMENTS: dict[str, Any] = {
    "progress_bar": True,
    "meta_fields_to_embed": ["title"],
    "embedding_separator": " | ",
}
EITHER = pytest.mark.parametrize("kind", [PertinenceTextEmbedder, PertinenceDocumentEmbedder])


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERTINENCE_API_KEY", "HF_API_TOKEN", "HF_TOKEN", "MY_TOKEN", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)


def parameters(kind: type) -> dict[str, Any]:
    signature = inspect.signature(kind.__init__)  # type: ignore[misc]
    return {name: each.default for name, each in signature.parameters.items() if name != "self"}


@pytest.fixture(params=[LOCAL, REMOTE], ids=["local", "remote"])
def others(request: pytest.FixtureRequest) -> dict[str, Any]:
    values: dict[str, Any] = request.param
    return values


def of(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """Those that this embedder takes."""
    return values if kind is PertinenceTextEmbedder else {**values, **OF_DOCUMENTS}


def test_every_parameter_has_another_value_here() -> None:
    assert {**LOCAL, **REMOTE}.keys() == parameters(PertinenceTextEmbedder).keys()
    assert {**LOCAL, **REMOTE, **OF_DOCUMENTS}.keys() == parameters(PertinenceDocumentEmbedder).keys()


# What is taken


@EITHER
def test_the_parameters_are_the_cores_options_under_haystacks_names(kind: type) -> None:
    words = {"normalize": "normalize_embeddings", "ranges": "quantization_ranges"}
    role, other = ("query", "document") if kind is PertinenceTextEmbedder else ("document", "query")
    words |= {f"{role}_prefix": "prefix", f"{role}_suffix": "suffix"}
    options = {
        words.get(name, name): getattr(EmbedderOptions(), name)
        for name in EmbedderOptions.names()
        if not name.startswith(other)
    }
    own = {"device": None, "normalize_embeddings": False} | {
        name: parameters(kind)[name] for name in ("token", "api_key")
    }
    of_documents = {"progress_bar": False, "meta_fields_to_embed": None, "embedding_separator": "\n"}
    assert parameters(kind) == {**options, **own, **(of_documents if role == "document" else {})}


@EITHER
def test_what_the_peers_users_have_is_taken_over(kind: type) -> None:
    peers = pytest.importorskip("haystack_integrations.components.embedders.sentence_transformers")
    from haystack.components import embedders

    theirs = parameters(getattr(peers, kind.__name__.replace("Pertinence", "SentenceTransformers")))
    theirs |= parameters(getattr(embedders, kind.__name__.replace("Pertinence", "OpenAI")))
    # The README says what becomes of each.
    elsewhere = {
        *("batch_size", "tokenizer_kwargs", "config_kwargs", "encode_kwargs"),
        *("dimensions", "api_base_url", "organization", "http_client_kwargs", "raise_on_failure"),
    }
    if kind is PertinenceTextEmbedder:
        elsewhere.add("progress_bar")
    assert set(theirs) - set(parameters(kind)) <= elsewhere


@EITHER
def test_every_parameter_arrives(kind: Any, others: dict[str, Any]) -> None:
    options = kind(**of(kind, others))._options()
    assert isinstance(options, EmbedderOptions)
    role = "query" if kind is PertinenceTextEmbedder else "document"
    assert (getattr(options, f"{role}_prefix"), getattr(options, f"{role}_suffix")) == ("query: ", " .")
    assert options.normalize is True
    assert options.ranges == ((-1.0, -1.0), (1.0, 1.0))
    assert options.device == ("cuda:1" if "device" in others else "auto")
    same = set(others) & set(EmbedderOptions.names()) - {"device", "token", "api_key"}
    assert {name: getattr(options, name) for name in same} == {name: others[name] for name in same}


@EITHER
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model": None}, "model is missing: name an embedding model"),
        ({"model": ""}, "model is empty"),
        ({"device": "cpu"}, "device must be a ComponentDevice or None"),
        ({"token": SECRET}, "token must be a Secret or None, not str"),
        ({"truncate_dim": 0}, "truncate_dim must be > 0"),
        ({"normalize_embeddings": "yes"}, "normalize"),
        ({"precision": "int4"}, "precision must be one of"),
        ({"precision": "int8"}, "precision='int8' needs quantization_ranges"),
        ({"backend": "tensorflow"}, "backend must be one of"),
        ({"prefix": None}, "prefix cannot be None"),
        ({"base_url": "localhost"}, "base_url is no full URL"),
        ({"base_url": "http://localhost", "dialect": "nobody"}, "there is no dialect 'nobody'"),
        ({"headers": {"X-Api-Key": KEY}, "base_url": "http://localhost"}, "looks like a key"),
    ],
)
def test_a_bad_value_is_refused_by_name(kind: Any, values: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=told) as raised:
        kind(**{"model": "some/model", **values})
    assert SECRET not in str(raised.value)


@EITHER
def test_a_mistyped_parameter_is_refused_by_name(kind: Any) -> None:
    with pytest.raises(TypeError, match="devise"):
        kind(model="some/model", devise=None)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"meta_fields_to_embed": "title"}, "meta_fields_to_embed must be a list of names or None"),
        ({"embedding_separator": None}, "embedding_separator must be a string"),
    ],
)
def test_the_names_of_metadata_are_a_list(values: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        PertinenceDocumentEmbedder(model="some/model", **values)


# Written out


@EITHER
def test_all_parameters_survive_yaml(kind: Any, others: dict[str, Any]) -> None:
    pipeline = Pipeline()
    pipeline.add_component("embedder", kind(**of(kind, others)))
    written = pipeline.dumps()
    loaded = Pipeline.loads(written)
    assert loaded.dumps() == written
    component = loaded.get_component("embedder")
    assert {name: getattr(component, name) for name in of(kind, others)} == of(kind, others)
    assert component._options() == pipeline.get_component("embedder")._options()


@EITHER
def test_reading_leaves_the_data_as_it_is_and_shares_nothing_with_it(kind: Any) -> None:
    data = kind(**of(kind, LOCAL)).to_dict()
    before = copy.deepcopy(data)
    loaded = kind.from_dict(data)
    assert data == before
    data["init_parameters"]["model_kwargs"]["more"] = 1
    data["init_parameters"]["quantization_ranges"][0][0] = 7.0
    assert loaded.to_dict() == before


@EITHER
def test_the_device_of_this_host_is_not_written_out(kind: Any) -> None:
    data = kind(model="some/model").to_dict()
    assert data["init_parameters"]["device"] is None
    assert data["type"].startswith("haystack_integrations.components.embedders.pertinence.")


@EITHER
def test_a_secret_is_resolved_when_it_is_needed_and_never_shown(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = kind(model="some/model", token=Secret.from_env_var("MY_TOKEN"))
    with pytest.raises(OptionError, match=r"token: .*MY_TOKEN"):
        embedder.warm_up()
    monkeypatch.setenv("MY_TOKEN", SECRET)
    assert embedder._options().token == SECRET
    assert SECRET not in json.dumps(embedder.to_dict()) + repr(embedder) + repr(embedder._options())


@EITHER
def test_a_secret_that_cannot_be_written_out_is_refused_unseen(kind: Any) -> None:
    embedder = kind(model="some/model", token=Secret.from_token(SECRET))
    with pytest.raises(ValueError, match="Cannot serialize token-based secret") as raised:
        embedder.to_dict()
    assert SECRET not in str(raised.value)
    assert copy.deepcopy(embedder).token == embedder.token
    assert pickle.loads(pickle.dumps(embedder)).token is None


@EITHER
def test_a_model_that_is_nowhere_is_named(kind: Any, tmp_path: Any) -> None:
    embedder = kind(model=str(tmp_path / "nowhere"), local_files_only=True)
    for warm_up in (embedder.warm_up, lambda: asyncio.run(embedder.warm_up_async())):
        with pytest.raises(ModelNotFoundError, match="nowhere"):
            warm_up()


# A server in place of this machine


def texts(*contents: str) -> list[Document]:
    return [Document(content=content) for content in contents]


def test_a_server_embeds_and_says_what_it_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAI(key=KEY) as server:
        options: dict[str, Any] = {"model": server.model, "base_url": server.url, "max_retries": 0}
        with pytest.raises(AuthenticationError, match="PERTINENCE_API_KEY"):
            PertinenceTextEmbedder(**options).run("old mill")
        monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
        asked = PertinenceTextEmbedder(**options).run("old mill")
        given = PertinenceDocumentEmbedder(**options).run(texts("a river", "taxes"))
        again = asyncio.run(PertinenceDocumentEmbedder(**options).run_async(texts("a river", "taxes")))
    assert asked["embedding"] == pytest.approx(vector("old mill"), abs=1e-6)
    assert [each.embedding for each in given["documents"]] == [
        pytest.approx(vector(text), abs=1e-6) for text in ("a river", "taxes")
    ]
    assert given == again
    for output in (asked, given):
        assert output["meta"]["model"] == server.model
        assert output["meta"]["truncated"] is None  # no server of vectors tells
        assert output["meta"]["usage"]["total_tokens"] > 0


def test_a_document_that_cannot_be_embedded_is_an_error_and_not_a_gap() -> None:
    with OpenAI() as server:
        embedder = PertinenceDocumentEmbedder(model=server.model, base_url=server.url, max_retries=0)
        with pytest.raises(EndpointError, match="input"):
            embedder.run(texts("a river", ""))
        assert embedder.run([]) == {
            "documents": [],
            "meta": {"model": server.model, "truncated": 0, "empty": 0, "repaired": 0, "usage": {}},
        }


def test_a_server_that_is_down_is_named() -> None:
    with OpenAI() as server:
        url = server.url
    embedder = PertinenceTextEmbedder(model="m", base_url=url, max_retries=0)
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1"):
        embedder.run("old mill")
