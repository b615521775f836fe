"""How far long work got: lines in a log, and none for what takes no time."""

from __future__ import annotations

import pytest

from pertinence.cli import gauge as gauge_module
from pertinence.cli.gauge import Gauge


def test_work_that_takes_no_time_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Gauge("pertinence evaluate", "small") as gauge:
        for done in range(5):
            gauge("model", done, 4)
    assert capsys.readouterr().err == ""


def test_what_was_done_before_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Gauge("pertinence evaluate", "small") as gauge:
        gauge("one", 3, 9)
        gauge("one", 4, 9)
        gauge("two", 9, 9)
    assert capsys.readouterr().err.splitlines() == [
        "pertinence evaluate: small: one: 3 of 9 were done before",
        "pertinence evaluate: small: two: all 9 were done before",
    ]


def test_long_work_tells_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(gauge_module.time, "monotonic", lambda: now)
    with Gauge("pertinence evaluate", "small") as gauge:
        for done in range(90):
            gauge("model", done, 90)
            now += 1.0
    assert capsys.readouterr().err.splitlines() == [
        "pertinence evaluate: small: model: 30 of 90, 1.0/s, 60 s left",
        "pertinence evaluate: small: model: 60 of 90, 1.0/s, 30 s left",
    ]


def test_on_a_terminal_there_is_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Gauge("pertinence evaluate", "small") as gauge:
        gauge("model", 0, 3)
        assert gauge._bar is not None
        gauge("model", 2, 3)
        assert gauge._bar.n == 2
        gauge("other", 0, 3)
        assert gauge._bar.n == 0
    assert gauge._bar is None
