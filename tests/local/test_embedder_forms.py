"""The form in which vectors are given out: cut, length and precision, as sentence-transformers has them."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pertinence import Embedder, InputError, OptionError
from pertinence.integration import EmbedderOptions, Handle, Options, options_from, options_of_fields
from pertinence.local.serving.pool import loaded
from pertinence.vectors import Form
from support.embedders import build_embedder
from support.texts import passages

sentence_transformers = pytest.importorskip("sentence_transformers")

TEXTS = ["Où est le moulin ?", "Le moulin est au bord de l'eau.", *passages(38)]
RANGES = [[-0.2] * 64, [0.3] * 64]


@pytest.fixture(scope="module", params=[True, False], ids=["normalised", "not normalised"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("forms") / "tiny"
    return build_embedder("tiny-embedder", place, normalise=request.param, saved={"truncate_dim": 48})


def given_by(folder: Path, **options: Any) -> np.ndarray[Any, Any]:
    with Embedder(folder, backend="torch", **options) as embedder:
        vectors = embedder.embed_documents(TEXTS)
        query = embedder.embed_query(TEXTS[0])
        assert (query.dtype, query.shape) == (vectors.dtype, (embedder.dims,))
        np.testing.assert_allclose(query.astype(float), vectors[0], atol=1.0 if query.dtype != "f4" else 1e-6)
        assert embedder.embed_documents([]).dtype == vectors.dtype
        return vectors


def reference(folder: Path, **how: Any) -> np.ndarray[Any, Any]:
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    vectors: np.ndarray[Any, Any] = model.encode(TEXTS, show_progress_bar=False, **how)
    return vectors


@pytest.mark.parametrize("truncate_dim", [None, 1, 16, 48, 64])
@pytest.mark.parametrize("normalize", [None, True])
def test_a_cut_and_a_length_are_those_of_sentence_transformers(
    folder: Path, truncate_dim: int | None, normalize: bool | None
) -> None:
    expected = reference(folder, truncate_dim=truncate_dim, normalize_embeddings=bool(normalize))
    found = given_by(folder, truncate_dim=truncate_dim, normalize=normalize)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_the_models_own_normalisation_can_be_left_out(folder: Path) -> None:
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    plain = sentence_transformers.SentenceTransformer(modules=list(model.children())[:2], truncate_dim=48)
    expected = plain.encode(TEXTS, show_progress_bar=False)
    assert np.linalg.norm(expected, axis=1).min() > 1.5
    np.testing.assert_allclose(given_by(folder, normalize=False), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("precision", ["binary", "ubinary"])
@pytest.mark.parametrize("truncate_dim", [48, 13])
def test_bits_are_those_of_sentence_transformers(folder: Path, precision: Any, truncate_dim: int) -> None:
    expected = reference(folder, precision=precision, truncate_dim=truncate_dim)
    found = given_by(folder, precision=precision, truncate_dim=truncate_dim)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@given(
    rows=arrays.arrays(np.float32, (5, 11), elements=st.floats(-2, 2, width=32, allow_subnormal=False)),
    precision=st.sampled_from(["int8", "uint8", "binary", "ubinary"]),
)
def test_numbers_of_every_precision_are_those_of_sentence_transformers(rows: Any, precision: Any) -> None:
    ranges = np.array([np.linspace(-1, 0, 11), np.linspace(0, 1, 11)], dtype=np.float32)
    whole = precision.endswith("int8")
    form = Form(width=11, precision=precision, ranges=ranges.tolist() if whole else None)
    expected = sentence_transformers.util.quantize_embeddings(rows, precision, ranges)
    found = form.of(rows)
    assert (found.dtype, found.shape) == (expected.dtype, (5, form.dims))
    np.testing.assert_array_equal(found, expected)


@given(
    rows=arrays.arrays(
        np.float32, (3, 4), elements=st.floats(-(2.0**50), 2.0**50, width=32, allow_subnormal=False)
    )
)
def test_a_length_is_one_or_the_vector_is_zero(rows: Any) -> None:
    lengths = np.linalg.norm(Form(width=4, normalise="after").of(rows).astype(np.float64), axis=1)
    assert all(length == pytest.approx(1, abs=1e-5) or length < 1 for length in lengths)
    assert all((length == 0) == (not row.any()) for length, row in zip(lengths, rows, strict=True))


def test_one_model_serves_every_form(folder: Path) -> None:
    handle, before = Handle(), len(loaded())
    options = EmbedderOptions(model=str(folder), backend="torch")
    forms = [{"truncate_dim": 8}, {"normalize": True}, {"precision": "int8", "ranges": [[-1] * 48, [1] * 48]}]
    widths = [handle.embedder(options.with_(**form)).embed_documents(TEXTS).shape[1] for form in [{}, *forms]]
    assert widths == [48, 8, 48, 48]
    assert len(loaded()) == before + 1
    handle.close()


# Options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"truncate_dim": 0}, "truncate_dim must be > 0"),
        ({"truncate_dim": "many"}, "truncate_dim must be a whole number"),
        ({"normalize": 1}, "normalize cannot be 1"),
        ({"precision": "float16"}, "precision must be one of float32, int8, uint8, binary, ubinary"),
        ({"precision": "int8"}, "precision='int8' needs ranges"),
        ({"ranges": RANGES}, "ranges are for precision 'int8' and 'uint8', not 'float32'"),
        ({"precision": "int8", "ranges": [[0.0]]}, "ranges must be two lists of numbers"),
        ({"precision": "int8", "ranges": [["a"], ["b"]]}, "ranges must be two lists of numbers"),
        ({"precision": "int8", "ranges": [[0], [1, 2]]}, "ranges hold 1 least and 2 greatest values"),
        ({"precision": "int8", "ranges": [[0, 2], [1, 1]]}, "number 1 goes from 2 to 1"),
        ({"precision": "int8", "ranges": [[0], [float("nan")]]}, "number 0 goes from 0 to nan"),
        ({"top_k": 3}, "top_k is an option of rerankers"),
        ({"normalise": True}, "unknown option 'normalise'; did you mean 'normalize'"),
    ],
)
def test_an_option_that_is_not_taken_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Embedder("some/model", **options)


def test_what_the_model_cannot_give_is_told_when_its_width_is_known(folder: Path) -> None:
    with Embedder(folder, truncate_dim=65) as embedder, pytest.raises(OptionError, match="gives 64 numbers"):
        embedder.embed_query("a")
    wrong = {"precision": "int8", "ranges": RANGES}
    with (
        Embedder(folder, **wrong) as embedder,
        pytest.raises(OptionError, match="ranges are of 64 numbers"),
    ):
        embedder.dims  # noqa: B018


def test_options_of_an_embedder_travel_as_plain_data() -> None:
    options = EmbedderOptions(model="a", precision="uint8", ranges=[[0, 0], [1, 2]], token="hf_secret")
    whole = options.with_(token=None)
    assert EmbedderOptions.from_json(options.to_json()) == whole
    assert pickle.loads(pickle.dumps(options)) == whole
    assert copy.deepcopy(options) is options
    assert "hf_secret" not in repr(options) + options.to_json()


def test_plain_options_are_those_of_an_embedder_if_they_do_not_rank() -> None:
    with pytest.raises(OptionError, match="threshold is an option of rerankers"):
        EmbedderOptions.from_options(Options(model="a", threshold=0.5))
    handle = Handle()
    assert handle.embedder(Options(model="a")) is handle.embedder(EmbedderOptions(model="a"))


def test_a_components_fields_speak_the_frameworks_words() -> None:
    words = {"model": "model_name", "truncate_dim": "dimensions"}
    fields = {"model_name": "a", "dimensions": 8, "top_n": 3}
    assert options_of_fields(fields, words, EmbedderOptions) == EmbedderOptions(model="a", truncate_dim=8)
    with pytest.raises(OptionError, match="unknown option 'top_n'"):
        options_from(fields, words, EmbedderOptions)


# What is told beside the vectors


async def test_what_was_done_to_the_texts_is_told(folder: Path) -> None:
    texts = ["mot " * 1_000, "", " ", "a\ud800b", "mot"]
    with Embedder(folder, backend="torch") as embedder:
        found = embedder.embed(texts)
        again = await embedder.aembed(texts)
        assert (found.truncated, found.empty, found.repaired, found.usage) == (1, 2, 1, {})
        np.testing.assert_array_equal(found.values, again.values)
        assert found.notes == [
            "1 of 5 was cut to fit the model",
            "2 of 5 were empty",
            "1 of 5 was repaired (a lone surrogate, read as U+FFFD)",
        ]
        assert embedder.embed([]).notes == []


async def test_many_queries_are_embedded_at_once(folder: Path) -> None:
    with Embedder(folder, backend="torch", query_prefix="q: ") as embedder:
        queries = [text for text in TEXTS if text.strip()][:5]
        found = embedder.embed(queries, "query").values
        one_by_one = [embedder.embed_query(text) for text in queries]
        np.testing.assert_allclose(found, one_by_one, atol=1e-6)
        assert (await embedder.aembed([], "query")).values.shape == (0, 48)
        with pytest.raises(InputError, match="query 1 is empty"):
            embedder.embed(["a", " "], "query")
        with pytest.raises(InputError, match="role must be query or document, not 'passage'"):
            await embedder.aembed(["a"], "passage")  # type: ignore[arg-type]
