"""Every backend gives sentence-transformers' vectors, for every module that shapes one."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from pertinence import Embedder, ModelError
from pertinence.local.machine.processor import processor
from pertinence.local.runtimes.conversion.networks import network_file
from pertinence.local.selection.choice import Possible, choose
from pertinence.local.selection.embedder_spec import resolve
from pertinence.local.selection.reranker_spec import installed
from pertinence.options import Options
from support.embedders import build_embedder, write
from support.models import SHAPES, build
from support.texts import QUERY, passages

torch = pytest.importorskip("torch")
pytest.importorskip("openvino")
sentence_transformers = pytest.importorskip("sentence_transformers")

from sentence_transformers.sentence_transformer.modules import (  # noqa: E402
    Dense,
    LayerNorm,
    Normalize,
)

TEXTS = [*passages(24), "", "ÉTÉ à 😀", "mot " * 600]
POOLINGS = ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
BACKENDS = ("torch", "onnx", "openvino")
TOLERANCE = {"torch": 1e-5, "onnx": 1e-4, "openvino": 1e-4}
WIDTH = 64


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """One for all: training is not the same twice, and the network is as wide as the vocabulary."""
    return SHAPES["tiny-embedder"].tokenizer()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    """The network of the small shape as an ONNX file, converted once: all models of it have its weights."""
    place = tmp_path_factory.mktemp("network") / "tiny"
    folder = build_embedder("tiny-embedder", place, tokenizer=tokenizer)
    return network_file(resolve(Options(model=str(folder), backend="onnx")), "onnx", "float32")


@pytest.fixture
def made(network: Path, tokenizer: Tokenizer, tmp_path: Path) -> Callable[..., Path]:
    """A model with these modules, that brings its own ONNX file."""

    def make(**asked: Any) -> Path:
        return build_embedder(
            "tiny-embedder", tmp_path / "made", tokenizer=tokenizer, network=network, **asked
        )

    return make


def assert_parity(folder: Path, *, backends: tuple[str, ...] = BACKENDS, texts: list[str] = TEXTS) -> None:
    reference = sentence_transformers.SentenceTransformer(
        str(folder), device="cpu", model_kwargs={"dtype": "float32"}
    )
    documents = reference.encode_document(texts, show_progress_bar=False)
    query = reference.encode_query(QUERY, show_progress_bar=False)
    assert np.ptp(documents, axis=0).max() > 0.01
    for backend in backends:
        with Embedder(folder, backend=backend) as embedder:  # type: ignore[arg-type]
            assert embedder._open().spec.backend == backend  # type: ignore[attr-defined]
            found = embedder.embed_documents(texts)
            assert (found.dtype, found.shape) == (np.float32, documents.shape)
            np.testing.assert_allclose(found, documents, atol=TOLERANCE[backend], rtol=0, err_msg=backend)
            np.testing.assert_allclose(embedder.embed_query(QUERY), query, atol=TOLERANCE[backend], rtol=0)
            alone = [embedder.embed_documents([text])[0] for text in texts[-6:]]
            # Of the largest number: vectors that are not normalised have numbers of any size.
            np.testing.assert_allclose(
                found[-6:], alone, atol=1e-6 * max(1, np.abs(found).max()), rtol=0, err_msg=backend
            )


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("pooling", [*POOLINGS, ["cls", "mean", "max"]])
def test_every_pooling_is_the_models_own(
    made: Callable[..., Path], pooling: str | list[str], normalise: bool
) -> None:
    assert_parity(made(pooling=pooling, normalise=normalise))


@pytest.mark.parametrize(
    "pooling", ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
)
def test_the_tokens_of_a_prompt_are_left_out_where_the_model_asks_for_it(
    made: Callable[..., Path], pooling: str
) -> None:
    saved = {"prompts": {"query": "le sens de la question : ", "document": "texte : "}}
    assert_parity(made(pooling=pooling, include_prompt=False, saved=saved), texts=[*passages(8), "a"])


@pytest.mark.parametrize("activation", ["Identity", "Tanh", "ReLU", "GELU", "Sigmoid", "SiLU"])
def test_a_dense_layer_of_every_activation_is_the_models_own(
    made: Callable[..., Path], activation: str
) -> None:
    torch.manual_seed(1)
    dense = Dense(WIDTH, 48, activation_function=getattr(torch.nn, activation)())
    assert_parity(made(further=[dense]), texts=TEXTS[-8:])


@pytest.mark.parametrize(
    "further",
    [
        lambda: [Dense(WIDTH, 32, bias=False), Dense(32, 96)],
        lambda: [Dense(WIDTH, WIDTH, use_residual=True), Dense(WIDTH, 16, use_residual=True)],
        lambda: [Normalize(), LayerNorm(WIDTH), Dense(WIDTH, 8)],
    ],
    ids=["two, without bias", "residual", "between others"],
)
@pytest.mark.parametrize("normalise", [True, False])
def test_modules_may_follow_each_other(
    made: Callable[..., Path], further: Callable[[], list[Any]], normalise: bool
) -> None:
    torch.manual_seed(1)
    assert_parity(made(further=further(), normalise=normalise), texts=TEXTS[-8:])


def test_weights_of_older_releases_are_read(made: Callable[..., Path]) -> None:
    torch.manual_seed(1)
    folder = made(further=[Dense(WIDTH, 24)])
    dense = folder / "2_Dense"
    weights = Dense(WIDTH, 24)
    (dense / "model.safetensors").unlink()
    torch.save(weights.state_dict(), dense / "pytorch_model.bin")
    assert_parity(folder, texts=TEXTS[-8:])


def test_weights_that_are_missing_or_of_another_shape_are_named(made: Callable[..., Path]) -> None:
    folder = made(further=[Dense(WIDTH, 24)])
    config = json.loads((folder / "2_Dense" / "config.json").read_text())
    write(folder / "2_Dense" / "config.json", {**config, "out_features": 25})
    with Embedder(folder, backend="onnx") as embedder, pytest.raises(ModelError, match=r"shape \(25, 64\)"):
        embedder.warm_up()
    (folder / "2_Dense" / "model.safetensors").unlink()
    with Embedder(folder, backend="onnx") as embedder, pytest.raises(ModelError, match="holds neither"):
        embedder.warm_up()


def test_a_model_without_an_onnx_file_is_converted_once(tmp_path: Path) -> None:
    folder = build_embedder("tiny-embedder", tmp_path / "plain", pooling="weightedmean")
    assert_parity(folder, backends=("onnx", "openvino"))


def test_where_the_first_token_alone_is_read_no_other_is_computed(tmp_path: Path) -> None:
    import onnxruntime

    folder = build_embedder("tiny-embedder", tmp_path / "first", pooling="cls")
    assert_parity(folder)
    file = network_file(resolve(Options(model=str(folder), backend="onnx")), "onnx", "float32")
    ids = np.array([[2, 7, 8, 9, 3]])
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    (vectors,) = onnxruntime.InferenceSession(str(file)).run(None, feed)
    assert vectors.shape == (1, 1, WIDTH)


def test_the_fastest_backend_in_float32_is_taken_of_itself(made: Callable[..., Path]) -> None:
    spec = resolve(Options(model=str(made()), device="cpu"))
    # Which one that is depends on the processor (test_choice.py).
    possible = Possible(packages=installed(), files=spec.files, processor=processor())
    assert spec.backend == choose("the model", Options(device="cpu"), possible).backend != "torch"
    assert spec.dtype == "float32"
    assert spec.files == {("onnx", "float32"): spec.folder / "onnx" / "model.onnx"}


@pytest.mark.parametrize(
    ("backend", "dtype"),
    [("torch", "bfloat16"), ("openvino", "bfloat16"), ("onnx", "int8"), ("openvino", "int8")],
)
def test_lower_precisions_come_near(made: Callable[..., Path], backend: Any, dtype: Any) -> None:
    torch.manual_seed(1)
    folder = made(further=[Dense(WIDTH, 24)])
    with Embedder(folder, backend="torch") as exact, Embedder(folder, backend=backend, dtype=dtype) as low:
        vectors = low.embed_documents(TEXTS)
        assert np.einsum("ij,ij->i", vectors, exact.embed_documents(TEXTS)).min() > 0.99
        alone = np.array([low.embed_documents([text])[0] for text in TEXTS[-6:]])
        np.testing.assert_allclose(vectors[-6:], alone, atol=0.02)


# Folders of other kinds


def test_a_plain_folder_is_averaged_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="pertinence")
    folder = build("tiny-embedder", tmp_path / "plain")
    assert_parity(folder, backends=("torch", "onnx"))
    assert f"{folder} has no modules.json: pooling is mean, as sentence-transformers does" in caplog.messages


def test_a_bilingual_model_is_the_xlm_roberta_that_it_is(tmp_path: Path) -> None:
    native = build_embedder("bilingual-L2", tmp_path / "native")
    legacy = shutil.copytree(native, tmp_path / "legacy")
    config = json.loads((native / "config.json").read_text())
    code = "Lajavaness/bilingual-embedding-base--"
    auto = {"AutoConfig": f"{code}config.BilingualConfig", "AutoModel": f"{code}modeling.BilingualModel"}
    named = {"model_type": "bilingual", "architectures": ["BilingualModel"], "auto_map": auto}
    write(legacy / "config.json", {**config, **named, "position_embedding_type": "absolute"})
    texts = [*TEXTS, "mot " * 2_000]
    for backend in BACKENDS:
        with (
            Embedder(native, backend=backend) as one,  # type: ignore[arg-type]
            Embedder(legacy, backend=backend) as other,  # type: ignore[arg-type]
        ):
            expected = one.embed(texts)
            found = other.embed(texts)
            np.testing.assert_array_equal(found.values, expected.values, err_msg=backend)
            assert (other.dims, found.truncated) == (768, expected.truncated)
            assert np.linalg.norm(found.values, axis=1) == pytest.approx(1, abs=1e-5)
            with pytest.raises(Exception, match="at most 512"):
                Embedder(legacy, backend=backend, max_length=513).embed_query(QUERY)  # type: ignore[arg-type]


def test_a_bilingual_model_of_other_positions_is_refused(tmp_path: Path) -> None:
    folder = build_embedder("bilingual-L2", tmp_path / "legacy")
    config = json.loads((folder / "config.json").read_text())
    odd = {"model_type": "bilingual", "position_embedding_type": "relative_key"}
    write(folder / "config.json", {**config, **odd})
    with (
        Embedder(folder) as embedder,
        pytest.raises(ModelError, match="='relative_key'"),
    ):
        embedder.warm_up()
