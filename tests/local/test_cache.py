"""What is made from a model once: whole or not at all, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from pertinence.local.cache import cache_folder, cached


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1", encoding="utf-8")
    return tmp_path / "model"


def write(folder: Path) -> None:
    (folder / "made").write_text("whole", encoding="utf-8")


def refuse(folder: Path) -> None:
    raise AssertionError("made a second time")


def test_what_was_made_is_found_again_until_the_source_changes(source: Path, tmp_path: Path) -> None:
    first = cached(source, "copy", write, str(tmp_path))
    assert (first / "made").read_text(encoding="utf-8") == "whole"
    assert cached(source, "copy", refuse, str(tmp_path)) == first
    (source / "weights").write_text("22", encoding="utf-8")
    assert cached(source, "copy", write, str(tmp_path)) != first


def test_a_making_that_fails_leaves_nothing_behind(source: Path, tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        write(folder)
        raise ValueError("interrupted")

    with pytest.raises(ValueError, match="interrupted"):
        cached(source, "copy", half, str(tmp_path))
    assert list(cache_folder(str(tmp_path)).iterdir()) == []


def test_of_two_that_make_the_same_the_first_one_wins(source: Path, tmp_path: Path) -> None:
    def overtaken(folder: Path) -> None:
        cached(source, "copy", write, str(tmp_path))
        (folder / "made").write_text("late", encoding="utf-8")

    place = cached(source, "copy", overtaken, str(tmp_path))
    assert (place / "made").read_text(encoding="utf-8") == "whole"


def test_a_folder_that_cannot_be_written_is_replaced_for_this_process(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    place = cached(source, "copy", write, str(tmp_path / "file"))
    assert "cannot be written" in caplog.text
    assert cached(source, "copy", refuse, str(tmp_path / "file")) == place
