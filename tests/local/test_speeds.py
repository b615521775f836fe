"""Measured speeds of float32: kept for these weights, this processor and these versions, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pertinence.local.selection import speeds
from pertinence.local.selection.speeds import measured, store

FOUND = {"openvino": 0.3, "onnx": 0.2}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder, as far as its fingerprint looks at it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


def test_what_was_stored_is_found_the_fastest_first(model: Path, cache: str) -> None:
    assert measured(model, cache) == {}
    assert store(model, FOUND, cache) is not None
    assert list(measured(model, cache).items()) == [("onnx", 0.2), ("openvino", 0.3)]


def test_a_later_measurement_takes_the_place_of_an_earlier_one(model: Path, cache: str) -> None:
    store(model, FOUND, cache)
    store(model, {"torch": 0.1}, cache)
    assert measured(model, cache) == {"torch": 0.1}


def test_other_weights_were_never_measured(model: Path, cache: str) -> None:
    store(model, FOUND, cache)
    (model / "model.safetensors").write_bytes(b"retrained")
    assert measured(model, cache) == {}


@pytest.mark.parametrize("changed", ["processor", "usable_cores"])
def test_another_processor_or_number_of_threads_has_speeds_of_its_own(
    changed: str, model: Path, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(model, FOUND, cache)
    monkeypatch.setattr(speeds, changed, lambda: 77)
    assert measured(model, cache) == {}
    monkeypatch.undo()
    assert len(measured(model, cache)) == 2


def test_a_backend_of_another_version_is_left_out(
    model: Path, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(model, FOUND, cache)
    now = speeds.runtimes_of
    monkeypatch.setattr(
        speeds, "runtimes_of", lambda name: {"onnxruntime": "9"} if name == "onnx" else now(name)
    )
    assert measured(model, cache) == {"openvino": 0.3}


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"backends": {"onnx": 1}}', '{"backends": []}'])
def test_a_damaged_file_is_told_and_counts_for_nothing(
    damaged: str, model: Path, cache: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = store(model, FOUND, cache)
    assert file is not None
    file.write_text(damaged, encoding="utf-8")
    assert measured(model, cache) == {}
    assert f"{file} is not read" in caplog.text


def test_the_file_says_where_it_was_measured(model: Path, cache: str) -> None:
    file = store(model, FOUND, cache)
    assert file is not None
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["threads"] == speeds.usable_cores()
    assert kept["processor"] == speeds.processor().name


def test_a_folder_that_cannot_be_written_is_told(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "pertinence").mkdir()
    (tmp_path / "cache" / "pertinence" / "speeds").write_text("no folder", encoding="utf-8")
    assert store(model, FOUND, str(tmp_path / "cache")) is None
    assert "the measured speeds are not kept" in caplog.text
