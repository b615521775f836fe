"""`pertinence export`: what it writes, what it refuses, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pertinence import Reranker
from pertinence.gate import GateReport
from pertinence.local.files.fingerprint import fingerprint
from pertinence.local.machine.precisions import effective_precision
from pertinence.local.machine.processor import processor
from pertinence.local.selection.reranker_spec import resolve, torch_installed
from pertinence.local.selection.verdicts import passed
from pertinence.options import Options
from support.waiting import HANGS

Command = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of these tests alone: a verdict of theirs must not choose for any other test."""
    folder = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERTINENCE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def tiny(model_folder: Callable[[str], Path]) -> str:
    """A folder of random weights, which only torch can convert."""
    if not torch_installed():
        pytest.skip("converting a model needs the extra 'torch'")
    return str(model_folder("tiny"))


def test_the_embedded_default_is_written_judged_and_runs_without_torch(
    command: Command, tmp_path: Path, own_sets: Path, cache: Path
) -> None:
    output = tmp_path / "out"
    ended = command("export", "--output", str(output), "--sets", str(own_sets))
    assert ended.status == 0
    assert ended.out == (output / "gate.txt").read_text(encoding="utf-8")
    assert "own.jsonl (8 questions)" in ended.out
    assert "verdict: passed" in ended.out
    assert f"written to {output}" in ended.err
    (report,) = map(GateReport.of, json.loads((output / "gate.json").read_text(encoding="utf-8")))
    assert report.passed
    assert report.subject.model == "pertinence-mini"
    assert report.subject.fingerprint == fingerprint(output)
    assert report.subject.reference.dtype == "float32"
    # In a process that could not import torch if it wanted to.
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from pertinence import Reranker\n"
        "print(Reranker(sys.argv[1], backend='onnx', dtype='float32', score_kind='logit')"
        ".score('a question', ['a text', 'another text']).tolist())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(output)],
        capture_output=True,
        encoding="utf-8",
        timeout=HANGS,
        check=True,
    )
    with Reranker(score_kind="logit", backend="onnx", dtype="float32") as reranker:
        own = reranker.score("a question", ["a text", "another text"])
    np.testing.assert_allclose(json.loads(run.stdout), own, atol=1e-5)
    # The verdict is kept under the model that was named, too.
    of_the_model = fingerprint(resolve(Options()).folder)
    kept = (cache / "verdicts").rglob("onnx-float32-*.json")
    stored = [json.loads(file.read_text(encoding="utf-8"))[0] for file in kept]
    assert [(each["fingerprint"], each["verdict"]) for each in stored] == [(of_the_model, "passed")]


def test_an_int8_form_is_written_and_this_machine_then_runs_the_model_so(
    command: Command, tmp_path: Path, own_sets: Path
) -> None:
    pytest.importorskip("openvino", reason="the openvino backend needs the extra 'openvino'")
    output = tmp_path / "out"
    here = effective_precision("openvino", "int8", processor())
    # It may well be just beyond a limit on another processor, which is not what is asked here.
    ended = command(
        *("export", "--to", "openvino", "--dtype", "int8", "--output", str(output)),
        *("--sets", str(own_sets), "--min-tau", "0.9", "--max-ndcg-loss", "0.1"),
        *("--max-neighbour-effect", "0.1"),
    )
    if here.dtype != "int8":
        # A processor without int8 products: what would be judged is float32 (docs/precision.md).
        assert ended.status == 2
        assert "openvino in int8 cannot be judged on this machine: it computes in float32" in ended.err
        assert "judge it on a processor that has them" in ended.err
        assert not output.exists()
        return
    assert ended.status == 0
    assert sorted(file.name for file in output.iterdir() if file.suffix in (".xml", ".bin", ".onnx")) == [
        "openvino_model_int8.bin",
        "openvino_model_int8.xml",
    ]
    # The report names lowered limits: a folder cannot decide for others, but this machine knows by now.
    assert json.loads((output / "gate.json").read_text(encoding="utf-8"))[0]["lowered"]
    proven = [(verdict.backend, verdict.dtype) for verdict in passed(resolve(Options()).folder)]
    assert ("openvino", "int8") in proven


@pytest.mark.parametrize(
    ("flags", "saying"),
    [
        ([], ["- chance: the reference's nDCG@10", "to write it all the same: --random-weights"]),
        (["--max-neighbour-effect", "5"], ["not judged: nothing was written"]),
    ],
)
def test_random_weights_are_found_out_and_nothing_is_left_behind(
    command: Command, tmp_path: Path, tiny: str, own_sets: Path, flags: list[str], saying: list[str]
) -> None:
    ended = command("export", tiny, "--output", str(tmp_path / "out"), "--sets", str(own_sets), *flags)
    assert ended.status == 1
    assert all(text in ended.out + ended.err for text in saying)
    assert list(tmp_path.iterdir()) == []


def test_random_weights_that_are_said_to_be_so_are_written_unjudged(
    command: Command, tmp_path: Path, tiny: str, own_sets: Path
) -> None:
    output = tmp_path / "out"
    ended = command("export", tiny, "--output", str(output), "--sets", str(own_sets), "--random-weights")
    assert ended.status == 0
    (report,) = json.loads((output / "gate.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "not judged"
    assert report["figures"]["tau"] is None
    assert report["figures"]["drift_over_spread"] < 0.1
    # The folder of whoever exported stands nowhere in it.
    assert report["model"] == Path(tiny).name
    assert str(tmp_path) not in json.dumps(report)


def test_below_a_limit_nothing_is_written_and_the_limit_is_named(
    command: Command, tmp_path: Path, own_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_exports(monkeypatch)
    output = str(tmp_path / "out")
    ended = command("export", "--output", output, "--sets", str(own_sets))
    assert ended.status == 1
    assert "verdict: refused\n- min_tau: mean Kendall tau" in ended.out
    assert "refused: nothing was written (to let it pass: --m" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_lowered_limits_let_it_pass_and_are_told(
    command: Command, tmp_path: Path, own_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_exports(monkeypatch)
    output = tmp_path / "out"
    limits = ["--min-tau", "-1", "--max-ndcg-loss", "1"]
    ended = command("export", "--output", str(output), "--sets", str(own_sets), *limits)
    assert ended.status == 0
    assert "verdict: passed (limits lowered: min_tau, max_ndcg_loss)" in ended.out
    (report,) = json.loads((output / "gate.json").read_text(encoding="utf-8"))
    assert report["lowered"] == ["min_tau", "max_ndcg_loss"]


def damage_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on a conversion loses a part of the weights, as a bad one would."""
    from pertinence.cli import export

    sound = export.convert

    def damaged(options: Options, made: Path, to: Any, dtype: Any) -> None:
        sound(options, made, to, dtype)
        # In place, since the network knows where in this file its weights stand.
        content = bytearray((made / "model.safetensors").read_bytes())
        start = 8 + int.from_bytes(content[:8], "little")
        for tensor in json.loads(content[8:start]).values():
            if tensor.get("dtype") == "I8":
                first, end = (start + offset for offset in tensor["data_offsets"])
                weights = np.frombuffer(content, dtype=np.int8)[first:end]
                weights[:] = weights // 32 * 32
        (made / "model.safetensors").write_bytes(content)

    monkeypatch.setattr(export, "convert", damaged)


# Before anything is computed


@pytest.mark.parametrize(
    ("argv", "saying"),
    [
        (["--output", "{there}"], "{there} exists already"),
        (["--output", "{there}/no/where"], "cannot be written: No such file"),
        (["--output", "{there}/out", "--sets", "{there}/none.jsonl"], "none.jsonl cannot be read"),
        (["--output", "{there}/out", "--min-tau", "2"], "--min-tau must be a number from -1 to 1, got 2.0"),
        (["--output", "{there}/out", "--max-ndcg-loss", "-1"], "--max-ndcg-loss must be a number from 0"),
        (["nowhere/at-all", "--output", "{there}/out", "--local-files-only"], "was not found"),
        (["--output", "{there}/out", "--to", "torch"], "--to: invalid choice"),
        (["--output", "{there}/out", "--dtype", "float16"], "--dtype: invalid choice"),
        ([], "--output"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_first(
    command: Command, tmp_path: Path, argv: list[str], saying: str
) -> None:
    ended = command("export", *(word.format(there=tmp_path) for word in argv))
    assert (ended.status, ended.out) == (2, "")
    assert saying.format(there=tmp_path) in ended.err
    assert list(tmp_path.iterdir()) == []
