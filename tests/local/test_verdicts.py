"""Stored verdicts: which count here, which do not, and what a damaged or locked folder does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pertinence.local.files.cache import cache_folder
from pertinence.local.files.fingerprint import fingerprint
from pertinence.local.machine.processor import Processor, processor
from pertinence.local.selection.verdicts import Verdict, passed, runtimes_of, store

Report = dict[str, Any]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder, as far as verdicts look at it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


@pytest.fixture
def report(model: Path, cache: str) -> Callable[..., Report]:
    """A report that passed here, with some of it changed."""

    def make(**changes: Any) -> Report:
        here = processor()
        return {
            "fingerprint": fingerprint(model, cache),
            "backend": "onnx",
            "dtype": "int8",
            "verdict": "passed",
            "lowered": [],
            "figures": {"speed_ratio": 2.0},
            "processor": {
                "name": here.name,
                "instructions": None if here.instructions is None else list(here.instructions),
            },
            "runtimes": runtimes_of(changes.get("backend", "onnx")),
            **changes,
        }

    return make


def ship(model: Path, *reports: Report) -> None:
    (model / "gate.json").write_text(json.dumps(reports), encoding="utf-8")


def kinds(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.backend, verdict.dtype) for verdict in verdicts]


def test_a_model_without_verdicts_has_none_and_is_not_even_hashed(model: Path, cache: str) -> None:
    assert passed(model, cache) == []
    assert not cache_folder(cache).exists()


def test_what_passed_is_found_again_with_its_report(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    stored = report(note="kept")
    assert store(stored, cache) is not None
    (verdict,) = passed(model, cache)
    assert (verdict.backend, verdict.dtype, verdict.speed_ratio) == ("onnx", "int8", 2.0)
    assert verdict.report == stored


def test_the_fastest_comes_first_and_float32_needs_no_verdict(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    store(report(), cache)
    store(report(backend="torch", dtype="bfloat16", figures={"speed_ratio": 3.0}), cache)
    store(report(backend="openvino", dtype="bfloat16", figures={"speed_ratio": None}), cache)
    store(report(dtype="float32"), cache)
    assert kinds(passed(model, cache)) == [
        ("torch", "bfloat16"),
        ("onnx", "int8"),
        ("openvino", "bfloat16"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "refused"},
        {"verdict": "not judged"},
        {"runtimes": {"onnxruntime": "0.1"}},
        {"processor": {"name": "another", "instructions": []}},
    ],
    ids=str,
)
def test_a_verdict_of_ones_own_counts_here_and_now_alone(
    model: Path, cache: str, report: Callable[..., Report], changes: Report
) -> None:
    store(report(**changes), cache)
    assert passed(model, cache) == []


def test_other_weights_are_another_model(model: Path, cache: str, report: Callable[..., Report]) -> None:
    store(report(), cache)
    ship(model, report(backend="openvino"))
    assert len(passed(model, cache)) == 2
    (model / "model.safetensors").write_bytes(b"retrained")
    assert passed(model, cache) == []


def test_a_shipped_verdict_counts_for_a_processor_with_its_instructions_and_any_version(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    fewer = {"name": "another", "instructions": list(processor().instructions or ())[:1]}
    ship(model, report(processor=fewer, runtimes={"onnxruntime": "0.1"}))
    expected = [] if processor().instructions is None else [("onnx", "int8")]
    assert kinds(passed(model, cache)) == expected
    ship(model, report(processor={"name": processor().name, "instructions": ["of another world"]}))
    assert passed(model, cache) == []


@pytest.mark.skipif(not processor().instructions, reason="this system does not tell its instructions")
def test_of_several_processors_that_count_the_nearest_one_s_verdict_does(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    all_of_them = list(processor().instructions or ())
    far = report(processor={"name": "old", "instructions": all_of_them[:1]}, figures={"speed_ratio": 1.5})
    near = report(processor={"name": "new", "instructions": all_of_them}, figures={"speed_ratio": 3.0})
    for shipped in ((far, near), (near, far)):
        ship(model, *shipped)
        assert [verdict.speed_ratio for verdict in passed(model, cache)] == [3.0]
    ship(model, {**near, "verdict": "refused"}, far)
    assert passed(model, cache) == []


def test_a_shipped_verdict_with_lowered_limits_does_not_choose_for_others(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    lowered = report(lowered=["min_tau"])
    ship(model, lowered)
    assert passed(model, cache) == []
    store(lowered, cache)
    assert kinds(passed(model, cache)) == [("onnx", "int8")]


def test_ones_own_verdict_wins_over_the_shipped_one_unless_it_judged_nothing(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    ship(model, report())
    store(report(verdict="not judged"), cache)
    assert kinds(passed(model, cache)) == [("onnx", "int8")]
    store(report(verdict="refused"), cache)
    assert passed(model, cache) == []
    store(report(), cache)
    assert kinds(passed(model, cache)) == [("onnx", "int8")]


# Damage


@pytest.mark.parametrize("text", ["", "[{", "{}", "[1]", '[{"backend": "onnx"}]', "\x00"], ids=repr)
def test_a_damaged_file_is_told_once_and_written_again(
    model: Path,
    cache: str,
    report: Callable[..., Report],
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    place = store(report(), cache)
    assert place is not None
    for damaged in (place, model / "gate.json"):
        damaged.write_text(text, encoding="utf-8")
    for _ in range(3):
        assert passed(model, cache) == []
    assert [record.getMessage().count("is not read") for record in caplog.records] == [1, 1]
    assert store(report(), cache) == place
    assert kinds(passed(model, cache)) == [("onnx", "int8")]


def test_what_is_no_report_is_not_stored(cache: str) -> None:
    with pytest.raises(ValueError, match="no report of the gate"):
        store({"backend": "onnx"}, cache)


def test_a_folder_that_cannot_be_written_is_told_once_and_works_without(
    model: Path, tmp_path: Path, report: Callable[..., Report], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    locked = str(tmp_path / "file")
    ship(model, report())
    for _ in range(3):
        assert store(report(), locked) is None
        assert kinds(passed(model, locked)) == [("onnx", "int8")]
    told = [record.getMessage() for record in caplog.records]
    assert sum("verdict is not kept" in text for text in told) == 1
    assert sum("hashed again" in text for text in told) == 1


STORE = """
import json, sys
from pertinence.local.selection.verdicts import store
report, cache = json.loads(sys.argv[1]), sys.argv[2]
for number in range(40):
    assert store({**report, "figures": {"speed_ratio": number}, "long": "x" * 20_000}, cache)
"""


def test_processes_that_store_at_once_lose_nothing_and_leave_no_half_file(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    reports = [report(), report(), report(backend="openvino")]
    writers = [
        subprocess.Popen([sys.executable, "-c", STORE, json.dumps(each), cache], env={**os.environ})
        for each in reports
    ]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        # Whatever is there at any moment is whole.
        seen = max(seen, len(passed(model, cache)))
        files = [file for file in cache_folder(cache).rglob("*-int8-*.json") if not file.name.startswith(".")]
        assert all(json.loads(file.read_text(encoding="utf-8")) for file in files)
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    verdicts = passed(model, cache)
    assert sorted(kinds(verdicts)) == [("onnx", "int8"), ("openvino", "int8")]
    assert {verdict.speed_ratio for verdict in verdicts} == {39}
    assert not list((cache_folder(cache) / "verdicts").rglob(".*"))


# Fingerprints


def test_a_fingerprint_is_of_the_content_and_not_of_names_above_it(model: Path, cache: str) -> None:
    first = fingerprint(model, cache)
    moved = model.rename(model.with_name("moved"))
    assert fingerprint(moved, cache) == first
    (moved / "README.md").write_text("says something of it", encoding="utf-8")
    (moved / "gate.json").write_text("[]", encoding="utf-8")
    assert fingerprint(moved, cache) == first
    for name in ("config.json", "tokenizer.json", "onnx/model.onnx"):
        (moved / name).parent.mkdir(exist_ok=True)
        (moved / name).write_text(f"other {name}", encoding="utf-8")
        assert fingerprint(moved, cache) != first


def test_unchanged_files_are_not_read_again(model: Path, cache: str) -> None:
    first = fingerprint(model, cache)
    weights = model / "model.safetensors"
    facts = weights.stat()
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    # Same size and time: what was kept is believed, which is how one knows that it was looked up.
    assert fingerprint(model, cache) == first
    os.utime(weights, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert fingerprint(model, cache) != first


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3, "fingerprint": 4}'])
def test_a_damaged_note_of_a_fingerprint_is_written_again(model: Path, cache: str, text: str) -> None:
    first = fingerprint(model, cache)
    (note,) = (cache_folder(cache) / "fingerprints").iterdir()
    whole = note.read_text(encoding="utf-8")
    note.write_text(text, encoding="utf-8")
    assert fingerprint(model, cache) == first
    assert note.read_text(encoding="utf-8") == whole


def test_a_verdict_of_a_card_counts_for_that_kind_of_card_alone(
    model: Path, cache: str, report: Callable[..., Report]
) -> None:
    on_card = {"name": "NVIDIA H200", "instructions": None}
    store(report(processor=on_card, backend="torch", dtype="float16"), cache)
    store(report(dtype="int8"), cache)
    assert kinds(passed(model, cache)) == [("onnx", "int8")]
    assert kinds(passed(model, cache, Processor(**on_card))) == [("torch", "float16")]
    assert kinds(passed(model, cache, Processor(name="Tesla T4", instructions=None))) == []
