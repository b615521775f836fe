"""From a folder to the spec of an embedding model, and what is said of the folders that are not taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, processors

from pertinence import Embedder, InputError, MissingExtraError, ModelError, ModelNotFoundError, OptionError
from pertinence.local.batches.pair_tokens import PairLimits
from pertinence.local.batches.text_tokens import SequenceEncoder
from pertinence.local.selection import reranker_spec
from pertinence.local.selection.embedder_spec import EmbedderSpec, resolve
from pertinence.options import Options
from support.embedders import write

PACKAGE = "sentence_transformers.models"
CONFIG = {"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}
POOLING = {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}


def modules(*types: str) -> list[dict[str, Any]]:
    return [
        {"path": "" if index == 0 else f"{index}_{kind.rpartition('.')[2]}", "type": kind}
        for index, kind in enumerate(types)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The JSON files of a multilingual embedding model, without weights: enough to decide everything."""
    write(tmp_path / "modules.json", modules(f"{PACKAGE}.Transformer", f"{PACKAGE}.Pooling"))
    write(tmp_path / "config.json", CONFIG)
    write(tmp_path / "tokenizer.json", {})
    write(tmp_path / "1_Pooling" / "config.json", POOLING)
    return tmp_path


def spec_of(folder: Path, **options: Any) -> EmbedderSpec:
    return resolve(Options.of({"model": str(folder), **options}))


def test_settings_of_older_releases_are_read(folder: Path) -> None:
    write(folder / "sentence_xlm-roberta_config.json", {"max_seq_length": 128, "do_lower_case": True})
    spec = spec_of(folder)
    assert (spec.chain.pooling.modes, spec.chain.dims, spec.chain.normalised) == (("mean",), 384, False)
    assert (spec.max_length, spec.positions, spec.lowercase) == (128, 512, True)
    assert spec.prompts == {"query": "", "document": ""}


def test_settings_of_newer_releases_are_read(folder: Path) -> None:
    types = ["base.modules.transformer.Transformer", "sentence_transformer.modules.pooling.Pooling"]
    types += ["base.modules.normalize.Normalize"]
    write(folder / "modules.json", modules(*(f"sentence_transformers.{each}" for each in types)))
    pooling = {"embedding_dimension": 384, "pooling_mode": ["cls", "mean"], "include_prompt": True}
    write(folder / "1_Pooling" / "config.json", pooling)
    write(folder / "tokenizer_config.json", {"model_max_length": 200})
    write(folder / "sentence_bert_config.json", {"transformer_task": "feature-extraction"})
    saved = {"model_type": "SentenceTransformer", "truncate_dim": 256, "prompts": {"query": "q: "}}
    write(folder / "config_sentence_transformers.json", saved)
    spec = spec_of(folder)
    assert (spec.chain.pooling.modes, spec.chain.dims, spec.chain.normalised) == (("cls", "mean"), 768, True)
    assert spec.truncate_dim == 256
    assert (spec.max_length, spec.prompts) == (200, {"query": "q: ", "document": ""})


@pytest.mark.parametrize(
    ("types", "said"),
    [
        (["Transformer", "Pooling", "LSTM"], "its module LSTM is not taken; known are Transformer, Pooling"),
        (["StaticEmbedding"], "its module StaticEmbedding is not taken"),
        (["Router"], "its module Router is not taken"),
        (["Transformer"], "its modules are Transformer;"),
        (["Transformer", "Pooling", "Pooling"], "its modules are Transformer, Pooling, Pooling;"),
        (["Pooling", "Transformer"], "its modules are Pooling, Transformer;"),
        ([], "its modules are none"),
    ],
)
def test_a_chain_of_modules_that_is_not_taken_is_named(folder: Path, types: list[str], said: str) -> None:
    write(folder / "modules.json", modules(*(f"{PACKAGE}.{each}" for each in types)))
    with pytest.raises(ModelError, match=said):
        spec_of(folder)


def test_a_module_of_the_models_own_code_is_named_in_full(folder: Path) -> None:
    write(folder / "modules.json", modules("custom_st.Transformer", f"{PACKAGE}.Pooling"))
    with pytest.raises(ModelError, match=r"its module custom_st\.Transformer is not taken"):
        spec_of(folder, trust_remote_code=True)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config_sentence_transformers.json", {"model_type": "CrossEncoder"}, "saved as a CrossEncoder"),
        ("1_Pooling/config.json", {"pooling_mode": "median", "embedding_dimension": 3}, "'median'"),
        ("1_Pooling/config.json", {"pooling_mode": "mean"}, "how wide token vectors are"),
        ("sentence_bert_config.json", {"query_length": 32}, "query_length"),
        ("sentence_bert_config.json", {"tokenizer_args": {"use_fast": False}}, "tokenizer_args"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "fill-mask"),
        ("sentence_bert_config.json", {"modality_config": {"text": {}, "message": {}}}, "text, message"),
        ("modules.json", {"path": ""}, "not a list of modules"),
        ("config.json", [], "does not hold a JSON object"),
    ],
)
def test_a_setting_that_is_not_taken_is_named(folder: Path, file: str, content: Any, said: str) -> None:
    write(folder / file, content)
    with pytest.raises(ModelError, match=said):
        spec_of(folder)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config.json", r"config\.json is missing"),
        ("tokenizer.json", r"holds no tokenizer\.json"),
        ("1_Pooling/config.json", r"1_Pooling/config\.json is missing"),
    ],
)
def test_a_missing_file_is_named(folder: Path, file: str, said: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ModelError, match=said):
        spec_of(folder)


def test_a_folder_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with Embedder(tmp_path / "missing") as embedder, pytest.raises(ModelNotFoundError, match="missing"):
        embedder.warm_up()


def test_the_embedded_reranker_is_no_embedder() -> None:
    with (
        Embedder("pertinence-mini") as embedder,
        pytest.raises(ModelError, match=r"no modules\.json, and its architecture is Bert\w+Classification"),
    ):
        embedder.embed_query("a question")


def test_without_torch_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranker_spec, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pertinence\[torch\]'"):
        spec_of(folder)


def letters(path: Path, single: str | None) -> Path:
    """A tokenizer of single letters, `a` being 3, with or without special tokens around a text."""
    vocabulary = {letter: number for number, letter in enumerate(["<s>", "</s>", "<unk>", *"aehistw "])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    if single is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=[("<s>", 0), ("</s>", 1)]
        )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize(
    ("single", "left", "expected"),
    [
        ("<s> $A </s>", False, [0, 8, 3, 4, 1]),
        ("<s> $A </s>", True, [0, 5, 6, 7, 1]),
        ("$A </s>", False, [8, 3, 4, 5, 1]),
        (None, False, [8, 3, 4, 5, 6]),
    ],
)
def test_a_text_behind_its_prompt_is_cut_between_the_special_tokens(
    single: str | None, left: bool, expected: list[int], tmp_path: Path
) -> None:
    path = letters(tmp_path / "tokenizer.json", single)
    encoder = SequenceEncoder(path, max_length=5, positions=5, cut_left=left)
    cut, whole = encoder.prompted("t", PairLimits()).pairs(["aehis", "a"])
    assert cut.ids.tolist() == expected
    assert (cut.truncated, whole.truncated) == (True, False)
    assert (cut.boundary, whole.boundary) == (0, 0)


def test_a_tokenizer_that_does_more_than_frame_a_text_is_refused(tmp_path: Path) -> None:
    path = letters(tmp_path / "tokenizer.json", "<s>:1 $A:1 </s>:1")
    with pytest.raises(ModelError, match="more than put special tokens around a text"):
        SequenceEncoder(path, max_length=5, positions=5)


def test_a_text_of_which_nothing_is_left_to_read_is_refused(tmp_path: Path) -> None:
    encoder = SequenceEncoder(letters(tmp_path / "tokenizer.json", None), max_length=5, positions=5)
    with pytest.raises(InputError, match="empty to this model"):
        encoder.prompted("", PairLimits()).pairs([""])


def test_a_limit_that_leaves_no_room_is_refused(tmp_path: Path) -> None:
    encoder = SequenceEncoder(letters(tmp_path / "tokenizer.json", "<s> $A </s>"), max_length=5, positions=5)
    with pytest.raises(OptionError, match="special tokens alone take 2"):
        encoder.prompted("", PairLimits(max_length=2))


def test_layers_beside_the_network_are_fetched_in_whatever_form_they_come() -> None:
    from huggingface_hub.utils import filter_repo_objects

    from pertinence.local.files.locate import _NEVER_NEEDED, _OLD_WEIGHTS

    wanted = ["model.safetensors", "onnx/model.onnx", "2_Dense/pytorch_model.bin", "2_Dense/config.json"]
    copies = ["pytorch_model.bin", "0_Transformer/pytorch_model.bin", "tf_model.h5", "onnx/model_O4.onnx"]
    found = filter_repo_objects([*wanted, *copies], ignore_patterns=_NEVER_NEEDED + _OLD_WEIGHTS)
    assert list(found) == wanted
