"""GTE checkpoints in legacy form: their settings translated, their numbers those of published formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from pertinence import ModelError, Reranker
from pertinence.local.files.legacy import native_config
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from support.gte import legacy_logits, needs_gte, to_legacy
from support.models import build
from support.texts import QUERY, passages

pytestmark = needs_gte

PUBLISHED = {
    "architectures": ["NewForSequenceClassification"],
    "auto_map": {"AutoConfig": "Alibaba-NLP/new-impl--configuration.NewConfig"},
    "hidden_size": 768,
    "id2label": {"0": "LABEL_0"},
    "layer_norm_type": "layer_norm",
    "logn_attention_scale": False,
    "max_position_embeddings": 8192,
    "model_type": "new",
    "num_attention_heads": 12,
    "pack_qkv": True,
    "position_embedding_type": "rope",
    "rope_scaling": {"factor": 8.0, "type": "ntk"},
    "rope_theta": 20000,
}
TEXTS = passages(12, longest=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A legacy checkpoint, and beside it code that must not be run."""
    folder = to_legacy(build("gte-L2", tmp_path_factory.mktemp("gte")))
    (folder / "modeling.py").write_text("raise SystemExit('this was run')", encoding="utf-8")
    return folder


def test_scaling_multiplies_the_base_and_divides_every_frequency() -> None:
    native = native_config("gte", PUBLISHED)
    assert native is not None
    assert native["rope_parameters"] == {
        "rope_type": "linear",
        "rope_theta": 160_000.0,
        "factor": pytest.approx(1.0671404),
    }
    assert native["architectures"] == ["GteForSequenceClassification"]
    assert native["id2label"] == {"0": "LABEL_0"}
    assert "auto_map" not in native


def test_without_scaling_the_base_is_the_published_one() -> None:
    native = native_config("gte", {**PUBLISHED, "rope_scaling": None})
    assert native is not None
    assert native["rope_parameters"] == {"rope_type": "default", "rope_theta": 20_000.0}


def test_settings_that_transformers_knows_are_left_as_they_are() -> None:
    assert native_config("any", {"model_type": "camembert"}) is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("layer_norm_type", "rms_norm"),
        ("logn_attention_scale", True),
        ("pack_qkv", False),
        ("position_embedding_type", "absolute"),
        ("rope_scaling", {"type": "dynamic", "factor": 2.0}),
        ("rope_scaling", {"type": "ntk", "factor": 8.0, "mixed_b": 0.5}),
    ],
)
def test_a_setting_without_a_counterpart_is_refused_by_name(setting: str, value: Any) -> None:
    with pytest.raises(ModelError, match=setting):
        native_config("some/gte", {**PUBLISHED, setting: value})


@pytest.mark.parametrize("backend", ["torch", "onnx", "openvino"])
def test_every_backend_computes_the_published_formulas_without_the_published_code(
    backend: str, folder: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    due = np.array([legacy_logits(folder, tokenizer.encode(QUERY, text).ids)[0] for text in TEXTS])
    with Reranker(folder, backend=backend, dtype="float32", score_kind="logit") as reranker:
        # Angles in float32 are off by 1e-7 of a position: 1e-4 at position 1,000.
        np.testing.assert_allclose(reranker.score(QUERY, TEXTS), due, atol=3e-4)
    assert np.ptp(due) > 1


def test_a_base_without_the_division_would_be_another_model(folder: Path, tmp_path: Path) -> None:
    wrong = build("gte-L2", tmp_path / "wrong")
    config = json.loads((wrong / "config.json").read_text(encoding="utf-8"))
    config["rope_parameters"] = {"rope_type": "default", "rope_theta": 160_000.0}
    (wrong / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with (
        Reranker(folder, backend="torch", score_kind="logit") as right,
        Reranker(wrong, backend="torch", score_kind="logit") as other,
    ):
        drift = np.abs(right.score(QUERY, TEXTS) - other.score(QUERY, TEXTS)).max()
    assert drift > 0.01


def test_who_asks_for_the_models_own_code_gets_nothing_translated(folder: Path) -> None:
    assert resolve(Options(model=str(folder))).translated
    spec = resolve(Options(model=str(folder), trust_remote_code=True))
    assert not spec.translated
    assert spec.config["model_type"] == "new"


def test_a_pair_of_8192_tokens_is_read(tmp_path: Path) -> None:
    folder = to_legacy(build("gte-L2", tmp_path / "long", layers=1))
    words = "neige col train vallée quai heures montagne dix " * 1500
    with Reranker(folder, backend="torch", score_kind="logit") as reranker:
        (ranked,) = ranking = reranker.rank(QUERY, [words])
    assert ranking.truncated == 1, "the pair is as long as the model reads"
    assert np.isfinite(ranked.score)
