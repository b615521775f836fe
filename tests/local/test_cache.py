"""What is made from a model once: whole or not at all, and never in the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pertinence.local.files.cache import cache_folder, cached, replace_text
from support.waiting import HANGS


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1", encoding="utf-8")
    return tmp_path / "model"


def write(folder: Path) -> None:
    (folder / "made").write_text("whole", encoding="utf-8")
    (folder / "deep").mkdir()
    (folder / "deep" / "made").write_text("whole too", encoding="utf-8")


def refuse(folder: Path) -> None:
    raise AssertionError("made a second time")


def test_what_was_made_is_found_again_until_the_source_changes(source: Path, tmp_path: Path) -> None:
    first = cached(source, "copy", write, str(tmp_path))
    assert (first / "made").read_text(encoding="utf-8") == "whole"
    assert cached(source, "copy", refuse, str(tmp_path)) == first
    (source / "weights").write_text("22", encoding="utf-8")
    assert cached(source, "copy", write, str(tmp_path)) != first


def test_what_is_made_of_another_kind_is_another_thing(source: Path, tmp_path: Path) -> None:
    first = cached(source, "copy", write, str(tmp_path))
    # One name begins like the other.
    assert cached(source, "copy-int8", write, str(tmp_path)) != first
    assert cached(source, "copy", refuse, str(tmp_path)) == first


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
    assert list(cache_folder(str(tmp_path)).iterdir()) == [place]


# Damage


def truncate(place: Path) -> None:
    os.truncate(place / "made", 2)


def overwrite(place: Path) -> None:
    (place / "deep" / "made").write_text("hole too!", encoding="utf-8")


def remove(place: Path) -> None:
    (place / "made").unlink()


def no_manifest(place: Path) -> None:
    (place / ".manifest.json").unlink()


def half_manifest(place: Path) -> None:
    os.truncate(place / ".manifest.json", 10)


def no_object(place: Path) -> None:
    (place / ".manifest.json").write_text("[1]", encoding="utf-8")


@pytest.mark.parametrize(
    "damage", [truncate, overwrite, remove, no_manifest, half_manifest, no_object], ids=lambda d: d.__name__
)
def test_a_damaged_entry_is_told_removed_and_made_again(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    damaged = cached(source, "copy", write, str(tmp_path))
    damage(damaged)
    place = cached(source, "copy", write, str(tmp_path))
    assert (place / "made").read_text(encoding="utf-8") == "whole"
    assert (place / "deep" / "made").read_text(encoding="utf-8") == "whole too"
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{damaged} is damaged")
    assert list(cache_folder(str(tmp_path)).iterdir()) == [place]
    assert cached(source, "copy", refuse, str(tmp_path)) == place


def test_files_with_other_times_are_read_and_found_whole(source: Path, tmp_path: Path) -> None:
    place = cached(source, "copy", write, str(tmp_path))
    os.utime(place / "made", (1, 1))
    assert cached(source, "copy", refuse, str(tmp_path)) == place


# Other processes

MAKE = """
import sys, time
from pathlib import Path
from pertinence.local.files.cache import cached

def make(folder):
    (folder / "made").write_text("wh")
    print("making", flush=True)
    time.sleep(float(sys.argv[3]))
    (folder / "made").write_text("whole")

place = cached(Path(sys.argv[1]), "copy", make, sys.argv[2])
print((place / "made").read_text(), flush=True)
"""


def start(source: Path, cache: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAKE, str(source), str(cache), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")


@pytest.mark.parametrize("damaged", [False, True])
def test_processes_that_make_the_same_at_once_all_end_well(
    source: Path, tmp_path: Path, damaged: bool
) -> None:
    if damaged:
        truncate(cached(source, "copy", write, str(tmp_path)))
    makers = [start(source, tmp_path, 0.3) for _ in range(4)]
    ended = [maker.communicate(timeout=HANGS)[0].split() for maker in makers]
    assert [maker.returncode for maker in makers] == [0] * 4
    assert [words[-1] for words in ended] == ["whole"] * 4
    assert any("making" in words for words in ended)
    place = cached(source, "copy", refuse, str(tmp_path))
    assert (place / "made").read_text(encoding="utf-8") == "whole"
    assert not [left for left in cache_folder(str(tmp_path)).iterdir() if left.name.startswith(".")]


def test_a_process_that_is_killed_half_way_leaves_nothing_that_looks_whole(
    source: Path, tmp_path: Path
) -> None:
    maker = start(source, tmp_path, 600)
    assert maker.stdout is not None
    assert maker.stdout.readline() == "making\n"
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    maker.stdout.close()
    (left,) = cache_folder(str(tmp_path)).iterdir()
    place = cached(source, "copy", write, str(tmp_path))
    assert (place / "made").read_text(encoding="utf-8") == "whole"
    # It might be somebody's at work; a day later it is nobody's.
    assert left.exists()
    yesterday = time.time() - 2 * 24 * 3600
    os.utime(left, (yesterday, yesterday))
    truncate(place)
    cached(source, "copy", write, str(tmp_path))
    assert not left.exists()


def test_a_reader_of_a_file_that_is_replaced_finds_it_whole(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    replace_text(file, "first")
    with file.open(encoding="utf-8") as opened:
        replace_text(file, "second")
        assert opened.read() == "first"
    assert file.read_text(encoding="utf-8") == "second"
    assert list(tmp_path.iterdir()) == [file]


# No right to write


def test_a_folder_that_cannot_be_written_is_replaced_for_this_process_and_told_once(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    place = cached(source, "copy", write, str(tmp_path / "file"))
    assert cached(source, "copy", refuse, str(tmp_path / "file")) == place
    assert [record.getMessage().count("cannot be written") for record in caplog.records] == [1]


LOCKED = """
import os, sys
from pathlib import Path
from pertinence.local.files.cache import cached

def make(folder):
    (folder / "made").write_text("whole")

def refuse(folder):
    raise AssertionError("made a second time")

model, cache = Path(sys.argv[1]), sys.argv[2]
# Once before, since the interpreter's own files may be out of another user's reach.
cached(model, "there", refuse, cache)
if os.getuid() == 0:
    os.setuid(65534)
assert cached(model, "there", refuse, cache).is_relative_to(cache)
place = cached(model, "new", make, cache)
assert not place.is_relative_to(cache)
assert cached(model, "new", refuse, cache) == place
"""


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="rights are tried where there are users")
def test_without_the_right_to_write_what_is_there_is_used_and_the_rest_made_for_one_process() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_text("1", encoding="utf-8")
        cached(folder / "model", "there", write, made)
        for each in (folder, *folder.rglob("*")):
            each.chmod(0o555 if each.is_dir() else 0o444)
        ended = subprocess.run(
            [sys.executable, "-c", LOCKED, str(folder / "model"), made],
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=HANGS,
        )
        for each in (folder, *folder.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.endswith("cannot be written (Permission denied): new is made again in every process")
