"""The report: the same after JSON, and readable."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pertinence.errors import InputError
from pertinence.gate import (
    Contender,
    GateReport,
    Limits,
    Question,
    QuestionSet,
    Subject,
    judge,
    write_reports,
)
from pertinence.local.machine.processor import Processor, processor
from pertinence.local.selection.verdicts import Verdict
from pertinence.testing import FakeScorer

SUBJECT = Subject.here(
    "some/model",
    "f" * 64,
    Contender(backend="openvino", dtype="int8", runtimes={"openvino": "1.2"}),
    Contender.here("onnx", "float32"),
)


def report(limits: Limits | None = None) -> GateReport:
    """The right answer shares the question's words, and the candidate cannot count beyond one."""
    questions = tuple(
        Question(
            query=f"alpha beta n{n}",
            passages=("one", "alpha two", "alpha beta three", f"alpha beta n{n} four", "five six", "seven"),
            grades=(0.0, 0.0, 0.0, 1.0, 0.0, 0.0),
        )
        for n in range(8)
    )
    sets = [QuestionSet(name="words.jsonl", questions=questions, total=80)]
    coarse = FakeScorer(lambda query, text: float("alpha" in text), kind="logit")
    return judge(FakeScorer(kind="logit"), coarse, sets, SUBJECT, limits=limits)


def test_a_report_is_the_same_after_json() -> None:
    one = report()
    assert one.verdict == "refused"
    text = json.dumps(one.to_dict(), allow_nan=False)
    assert GateReport.of(json.loads(text)) == one


def test_a_written_file_holds_what_a_verdict_needs(tmp_path: Path) -> None:
    one = report(Limits(min_tau=-1, max_ndcg_loss=1))
    write_reports(tmp_path / "gate.json", [one, report()])
    first, second = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))
    verdict = Verdict.of(first)
    assert (verdict.backend, verdict.dtype, verdict.passed) == ("openvino", "int8", True)
    assert verdict.lowered == ("min_tau", "max_ndcg_loss")
    assert verdict.runtimes == {"openvino": "1.2"}
    assert verdict.processor == processor()
    assert verdict.speed_ratio == one.figures.speed_ratio
    assert not Verdict.of(second).passed


def test_what_another_processor_said_of_the_same_weights_stays(tmp_path: Path) -> None:
    file, here = tmp_path / "gate.json", report()
    elsewhere = replace(
        here, subject=replace(SUBJECT, processor=Processor(name="another", instructions=("avx2",)))
    )
    retrained = replace(here, subject=replace(elsewhere.subject, fingerprint="e" * 64))
    write_reports(file, [elsewhere])
    write_reports(file, [here])
    write_reports(file, [here])
    assert shipped(file) == [elsewhere, here]
    write_reports(file, [])
    assert shipped(file) == [elsewhere, here]
    write_reports(file, [retrained])
    assert shipped(file) == [retrained]


def test_a_report_of_these_weights_that_cannot_be_read_is_named_and_not_lost(tmp_path: Path) -> None:
    text = json.dumps([{"fingerprint": SUBJECT.fingerprint, "format": "of tomorrow"}])
    (tmp_path / "gate.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"gate\.json"):
        write_reports(tmp_path / "gate.json", [report()])
    assert (tmp_path / "gate.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("text", ["[{", "{}", "[1]", '[{"fingerprint": "of other weights"}]'])
def test_what_says_nothing_of_these_weights_gives_way(text: str, tmp_path: Path) -> None:
    (tmp_path / "gate.json").write_text(text, encoding="utf-8")
    one = report()
    write_reports(tmp_path / "gate.json", [one])
    assert shipped(tmp_path / "gate.json") == [one]


def shipped(file: Path) -> list[GateReport]:
    return [GateReport.of(each) for each in json.loads(file.read_text(encoding="utf-8"))]


def test_no_text_of_the_questions_is_in_a_report() -> None:
    text = json.dumps(report().to_dict())
    assert "alpha" not in text
    assert "words.jsonl" in text


def test_the_table_names_what_was_judged_the_limits_and_each_reason() -> None:
    one = report()
    table = one.table()
    assert table.startswith("some/model: openvino int8 beside onnx float32\n")
    assert "on words.jsonl (8 of 80 questions); 48 pairs" in table
    assert "openvino 1.2" in table
    assert "at least 0.98" in table
    assert "verdict: refused\n- min_tau: mean Kendall tau" in table
    assert "\n- max_ndcg_loss: nDCG@10 falls by" in table
    assert all(len(line) <= 110 for line in table.splitlines())


def test_lowered_limits_are_told_in_the_table() -> None:
    table = report(Limits(min_tau=-1, max_ndcg_loss=1)).table()
    assert "verdict: passed (limits lowered: min_tau, max_ndcg_loss)" in table


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "fine"},
        {"figures": {}},
        {"figures": None},
        {"limits": {"min_tau": 3}},
        {"processor": "fast"},
        {"questions": [1]},
    ],
    ids=str,
)
def test_what_is_no_report_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no report of the gate"):
        GateReport.of({**report().to_dict(), **change})
