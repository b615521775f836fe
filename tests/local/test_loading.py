"""From a name to a spec: what is found, what is read from it, and what is said when it is not."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from pertinence import InputError, MissingExtraError, ModelError, ModelNotFoundError, OptionError, Reranker
from pertinence.local.selection import reranker_spec
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from support.models import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The JSON files of a RoBERTa-family reranker and the head of its weights: they decide everything."""
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    write_weights(tmp_path, **{"classifier.out_proj.weight": [1, 2]})
    write(tmp_path, "config.json", **ROBERTA)
    return tmp_path


ROBERTA = {
    "architectures": ["CamembertForSequenceClassification"],
    "model_type": "camembert",
    "max_position_embeddings": 514,
    "pad_token_id": 1,
    "id2label": {"0": "LABEL_0"},
}


def write(folder: Path, name: str, **content: Any) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def write_weights(folder: Path, **shapes: list[int]) -> None:
    """A safetensors file of float32 zeros."""
    end, header = 0, {}
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    told = json.dumps(header).encode()
    content = len(told).to_bytes(8, "little") + told + bytes(end)
    (folder / "model.safetensors").write_bytes(content)


def spec_of(folder: Path, **options: Any) -> reranker_spec.RerankerSpec:
    return resolve(Options.of({"model": str(folder), **options}))


def test_five_hundred_fourteen_positions_of_a_roberta_are_512_tokens(folder: Path) -> None:
    assert spec_of(folder).positions == 512
    assert spec_of(folder).max_length == 512


def test_the_tokenizers_limit_is_the_default_and_the_positions_the_most(folder: Path) -> None:
    write(folder, "tokenizer_config.json", model_max_length=256)
    spec = spec_of(folder)
    assert (spec.max_length, spec.positions) == (256, 512)


def test_a_tokenizer_without_a_limit_takes_the_positions(folder: Path) -> None:
    write(folder, "tokenizer_config.json", model_max_length=1000000000000000019884624838656)
    assert spec_of(folder).max_length == 512


@pytest.mark.parametrize(
    ("tokenizer", "told"),
    [
        ({}, False),
        ({"tokenizer_class": "CamembertTokenizer"}, False),
        ({"tokenizer_class": "BertTokenizerFast"}, True),
        ({"tokenizer_class": "ElectraTokenizer"}, True),
        ({"tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids", "attention_mask"]}, False),
    ],
)
def test_token_types_go_to_the_families_that_transformers_gives_them_to(
    folder: Path, tokenizer: dict[str, Any], told: bool
) -> None:
    write(folder, "tokenizer_config.json", **tokenizer)
    assert spec_of(folder).token_types is told


@pytest.mark.parametrize(
    ("file", "content", "activation"),
    [
        ("none.json", {}, "sigmoid"),
        (
            "config_sentence_transformers.json",
            {"activation_fn": "torch.nn.modules.linear.Identity", "model_type": "CrossEncoder"},
            "identity",
        ),
        (
            "config.json",
            {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
            "identity",
        ),
        ("config.json", {"sentence_transformers": {"activation_fn": "torch.nn.Identity"}}, "identity"),
        ("config.json", {"sbert_ce_default_activation_function": "torch.nn.Sigmoid"}, "sigmoid"),
    ],
)
def test_the_activation_is_read_where_sentence_transformers_reads_it(
    folder: Path, file: str, content: dict[str, Any], activation: str
) -> None:
    (folder / "modules.json").write_text("[]", encoding="utf-8")
    write(folder, file, **(ROBERTA if file == "config.json" else {}), **content)
    assert spec_of(folder).activation == activation


def test_the_networks_that_a_model_brings_are_found_under_their_usual_names(folder: Path) -> None:
    assert spec_of(folder).files == {}
    (folder / "onnx").mkdir()
    for name in ("onnx/model.onnx", "model_int8.onnx", "openvino_model.xml"):
        (folder / name).write_bytes(b"")
    assert spec_of(folder).files == {
        ("onnx", "float32"): folder / "onnx" / "model.onnx",
        ("onnx", "int8"): folder / "model_int8.onnx",
        ("openvino", "float32"): folder / "openvino_model.xml",
    }
    (folder / "model.onnx").write_bytes(b"")
    assert spec_of(folder).files["onnx", "float32"] == folder / "model.onnx", "the folder's own before onnx/"


def test_a_checkpoint_in_float16_is_computed_in_float32(folder: Path) -> None:
    write(folder, "config.json", **{**ROBERTA, "dtype": "float16", "torch_dtype": "float16"})
    assert spec_of(folder).dtype == "float32"
    assert spec_of(folder, backend="torch").dtype == "float32"


@pytest.mark.parametrize("option", [{"dtype": "float16"}, {"device": "cuda"}, {"trust_remote_code": True}])
def test_the_onnx_backend_names_what_it_does_not_take(folder: Path, option: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(option))):
        spec_of(folder, backend="onnx", **option)


def test_without_torch_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranker_spec, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pertinence\[torch\]'"):
        spec_of(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architectures": ["BertModel"]}, "not a cross-encoder"),
        ({"architectures": ["Qwen3ForCausalLM"]}, "Qwen3ForCausalLM"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "3 labels"),
        ({"architectures": []}, "names no architecture"),
        (
            {"id2label": {"0": "a", "1": "b"}},
            r"declares 2 labels, but classifier.* \[1, 2\]",
        ),
    ],
)
def test_what_is_no_reranker_is_refused_by_name(folder: Path, change: dict[str, Any], said: str) -> None:
    write(folder, "config.json", **{**ROBERTA, **change})
    with pytest.raises(ModelError, match=said):
        spec_of(folder)


def test_a_language_model_that_answers_in_words_is_refused_by_what_it_is(folder: Path) -> None:
    modules = [
        {
            "idx": 0,
            "name": "0",
            "path": "",
            "type": "sentence_transformers.base.modules.transformer.Transformer",
        },
        {
            "idx": 1,
            "name": "1",
            "path": "1_LogitScore",
            "type": "sentence_transformers.cross_encoder.modules.logit_score.LogitScore",
        },
    ]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    write(folder, "config.json", **{**ROBERTA, "architectures": ["Qwen3ForCausalLM"]})
    with pytest.raises(ModelError, match=r"LogitScore.*base_url"):
        spec_of(folder)


def test_weights_without_a_head_are_not_a_reranker(folder: Path) -> None:
    write_weights(folder, **{"roberta.embeddings.word_embeddings.weight": [3, 2]})
    with pytest.raises(ModelError, match="have no head"):
        spec_of(folder)


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        ({"0": "LABEL_0", "1": "LABEL_1"}, 1),
        ({"0": "no", "1": "yes"}, 1),
        ({"0": "Relevant", "1": "irrelevant"}, 0),
        ({"0": "yes", "1": "true"}, 1),
    ],
)
def test_the_positive_label_is_the_last_unless_the_first_is_named_so(
    folder: Path, labels: dict[str, str], positive: int
) -> None:
    write(folder, "config.json", **{**ROBERTA, "id2label": labels})
    write_weights(folder, **{"classifier.out_proj.weight": [2, 2]})
    assert spec_of(folder).positive == positive


@pytest.mark.parametrize("verbosity", [logging.WARNING, logging.CRITICAL])
def test_sizes_that_disagree_name_the_weights(
    tmp_path: Path, verbosity: int, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = build("tiny", tmp_path / "wide")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write(folder, "config.json", **{**config, "intermediate_size": 256})
    capfd.readouterr()
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(verbosity)
    try:
        with (
            Reranker(folder, backend="torch") as reranker,
            pytest.raises(ModelError, match=r"intermediate\.dense\.bias.*\[128\].*\[256\]"),
        ):
            reranker.warm_up()
    finally:
        logger.setLevel(before)
    assert "REPORT" not in capfd.readouterr().err


def test_a_part_of_the_network_that_would_be_random_is_named(tmp_path: Path) -> None:
    folder = build("tiny", tmp_path / "half")
    tensors = load_file(folder / "model.safetensors")
    del tensors["bert.encoder.layer.1.output.dense.bias"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with (
        Reranker(folder, backend="torch") as reranker,
        pytest.raises(ModelError, match=r"weights lack bert\.encoder\.layer\.1\.output\.dense\.bias"),
    ):
        reranker.warm_up()


def test_code_that_a_model_brings_is_not_run_unless_that_is_asked_for(tmp_path: Path) -> None:
    folder = build("tiny", tmp_path / "coded")
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(
        f"open({str(ran)!r}, 'w').close()\n"
        "from transformers import BertConfig, BertForSequenceClassification\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own'\n"
        "class OwnForSequenceClassification(BertForSequenceClassification):\n    config_class = OwnConfig\n",
        encoding="utf-8",
    )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    mapped = {
        "AutoConfig": "own.OwnConfig",
        "AutoModelForSequenceClassification": "own.OwnForSequenceClassification",
    }
    own = {"model_type": "own", "architectures": ["OwnForSequenceClassification"], "auto_map": mapped}
    write(folder, "config.json", **{**config, **own})
    with Reranker(folder, backend="torch") as reranker, pytest.raises(ModelError, match="trust_remote_code"):
        reranker.warm_up()
    assert not ran.exists()
    with Reranker(folder, trust_remote_code=True) as reranker:
        assert len(reranker.score("query", ["text"])) == 1
    assert ran.exists()


def test_a_folder_that_lacks_a_file_names_it(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        spec_of(folder)
    (folder / "config.json").write_text("{half", encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        spec_of(folder)


def test_a_model_that_is_nowhere_lists_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="not a folder here, not an installed model"):
        resolve(Options(model="nobody/no-such-model", cache_folder=str(tmp_path), local_files_only=True))
    with pytest.raises(ModelNotFoundError, match="is not a folder"):
        resolve(Options(model=str(tmp_path / "missing")))


def test_a_failed_load_is_answered_to_every_caller_and_tried_anew(tmp_path: Path) -> None:
    folder = build("tiny", tmp_path / "late")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(b"broken")
    with Reranker(folder, backend="torch") as reranker:
        for _ in range(2):
            with pytest.raises(ModelError, match="cannot be loaded"):
                reranker.rank("query", ["text"])
        (folder / "model.safetensors").write_bytes(weights)
        assert len(reranker.rank("query", ["text"])) == 1


def test_the_embedded_default_is_found_by_name_too() -> None:
    assert resolve(Options(model="pertinence-mini")).folder == resolve(Options()).folder


def test_warming_up_reports_what_is_wrong(tmp_path: Path) -> None:
    with Reranker(tmp_path / "missing") as reranker, pytest.raises(ModelNotFoundError):
        reranker.warm_up()


def test_a_limit_above_the_positions_is_refused_before_the_model_runs(
    model_folder: Callable[[str], Path],
) -> None:
    with Reranker(model_folder("tiny"), max_length=513) as reranker, pytest.raises(InputError, match="512"):
        reranker.rank("query", ["text"])
