"""What a terminal is shown of a text, and the progress bar."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from pertinence.cli.progress import following
from pertinence.cli.show import cut


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("exactly 10", "exactly 10"),
        ("one too many", "one too m…"),
        ("on two\n\tlines", "on two li…"),
        ("à\u202f: no\xa0", "à : no"),
        ("\x1b[2J\x07", "\ufffd[2J\ufffd"),
        ("a\u202eb\u200d", "ab"),
        ("\ud83c", "\ufffd"),
        ("漢字漢字漢", "漢字漢字漢"),
        ("漢字漢字漢字", "漢字漢字…"),
        ("e\u0301" * 10, "e\u0301" * 10),
        ("", ""),
        (" " * 1000, "…"),
    ],
)
def test_a_text_is_shown_on_ten_columns(text: str, shown: str) -> None:
    assert cut(text, 10) == shown


def test_a_very_long_text_is_cut_without_being_read_to_its_end() -> None:
    assert cut("a" * 10_000_000, 10) == "a" * 9 + "…"


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal
        self.drawn = threading.Event()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        if "3/4" in text:
            self.drawn.set()
        return super().write(text)


def test_a_bar_follows_what_is_done_and_is_wiped_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(terminal=True)
    monkeypatch.setattr(sys, "stderr", stream)
    with following(lambda: 3, 4, shown_after=1e-9):
        assert stream.drawn.wait(60)
    assert stream.getvalue().rpartition("\r")[2].strip() == ""


def test_no_bar_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(terminal=False)
    monkeypatch.setattr(sys, "stderr", stream)
    with following(lambda: 3, 4, shown_after=1e-9):
        pass
    assert stream.getvalue() == ""


def test_short_work_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(terminal=True)
    monkeypatch.setattr(sys, "stderr", stream)
    with following(lambda: 3, 4, shown_after=3600):
        pass
    assert stream.getvalue() == ""
