"""A model that is named as on its card: found offline, with the card's length, or an error that helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pertinence import ModelError, ModelNotFoundError, Reranker
from pertinence.cards import card_of
from pertinence.local.files.discovery import present
from pertinence.local.selection.reranker_spec import RerankerSpec, resolve
from pertinence.options import Options
from support.hub import put

NAME = "antoinelouis/crossencoder-camembert-base-mmarcoFR"
CONFIG = {
    "architectures": ["CamembertForSequenceClassification"],
    "model_type": "camembert",
    "max_position_embeddings": 514,
    "pad_token_id": 1,
    "id2label": {"0": "LABEL_0"},
}
HEADER = b'{"classifier.out_proj.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}'
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What decides how a CamemBERT is run: its settings, and weights of two numbers."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 512}', encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def spec_of(cache: Path, model: str = NAME, **options: Any) -> RerankerSpec:
    return resolve(Options(model=model, cache_folder=str(cache), **options))


def test_a_name_on_a_card_has_the_cards_length_and_reads_more_if_asked(files: Path, cache: Path) -> None:
    put(cache, NAME, files)
    spec = spec_of(cache)
    assert (spec.max_length, spec.positions) == (256, 512)
    assert spec.card == card_of(NAME)


def test_a_folder_of_the_same_files_has_the_length_that_they_declare(files: Path) -> None:
    spec = resolve(Options(model=str(files)))
    assert (spec.max_length, spec.card) == (512, None)


def test_a_name_without_a_card_loads_by_its_own_files(files: Path, cache: Path) -> None:
    put(cache, "someone/else", files)
    assert spec_of(cache, "someone/else").max_length == 512


def test_a_short_name_is_the_same_model(files: Path, cache: Path) -> None:
    folder = put(cache, NAME, files)
    spec = spec_of(cache, "camembert-base-mmarcofr")
    assert (spec.name, spec.folder) == (NAME, folder)


def test_a_folder_under_the_working_directory_comes_before_a_short_name(
    files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache, NAME, files)
    files.rename(files.with_name("camembert-base-mmarcofr"))
    monkeypatch.chdir(files.parent)
    assert spec_of(cache, "camembert-base-mmarcofr").max_length == 512


def test_a_revision_is_another_folder(files: Path, cache: Path) -> None:
    main = put(cache, NAME, files)
    other = put(cache, NAME, files, revision="v2")
    assert spec_of(cache).folder == main
    assert spec_of(cache, revision="v2").folder == other


def test_a_revision_that_is_not_there_is_named_with_the_command_that_fetches_it(
    files: Path, cache: Path
) -> None:
    put(cache, NAME, files)
    with pytest.raises(ModelNotFoundError) as caught:
        spec_of(cache, revision="v3")
    assert "at revision v3 was not found" in str(caught.value)
    assert str(caught.value).endswith(f"hf download {NAME} --revision v3 --cache-dir {cache}")


def test_offline_says_that_nobody_was_asked_and_where_it_looked(cache: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"was not asked \(HF_HUB_OFFLINE is set\)") as caught:
        spec_of(cache)
    assert str(cache) in str(caught.value)
    with pytest.raises(ModelNotFoundError, match=r"the hub was not asked \(local_files_only\)"):
        spec_of(cache, local_files_only=True)


def test_a_name_that_is_spelt_wrong_is_answered_with_the_nearest(cache: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=f"Did you mean {NAME}"):
        spec_of(cache, "camenbert-base-mmarcofr")


def test_an_end_of_several_names_is_told_when_the_model_is_loaded(cache: Path) -> None:
    with (
        Reranker("mmarcoFR", cache_folder=cache) as reranker,
        pytest.raises(ModelNotFoundError, match="more than one model"),
    ):
        reranker.warm_up()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.safetensors", None, "holds no weights"),
        ("model.safetensors", WEIGHTS[:-3], "cut short by 3 bytes"),
        ("model.safetensors", WEIGHTS[:40], "is cut short"),
        ("model.safetensors", b"", "is cut short"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "part-2.safetensors"}}', "lacks part-2"),
        ("tokenizer.json", None, r"no tokenizer\.json"),
        ("config.json", None, r"no config\.json"),
    ],
)
def test_half_a_download_names_the_file_and_the_command(
    file: str, content: bytes | None, said: str, files: Path, cache: Path
) -> None:
    if content is None:
        (files / file).unlink()
    else:
        (files / file).write_bytes(content)
    put(cache, NAME, files)
    with pytest.raises(ModelError, match=said) as caught:
        spec_of(cache)
    assert NAME in str(caught.value)
    if file.startswith("model"):
        assert f"hf download {NAME}" in str(caught.value)


def test_present_tells_place_and_what_is_lacking_without_a_connection(files: Path, cache: Path) -> None:
    assert present(NAME, str(cache)) is None
    folder = put(cache, NAME, files)
    found = present(NAME, str(cache))
    assert found is not None
    assert (found.place, found.folder, found.lacks) == ("cache", folder, None)
    (folder / "model.safetensors").write_bytes(WEIGHTS[:-3])
    half = present(NAME, str(cache))
    assert half is not None
    assert "cut short" in str(half.lacks)
