"""The command as a shell runs it: terminals, pipes that close, interruptions, and what it imports."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pertinence.cli import main
from support.waiting import HANGS

QUERY = "Combien d'habitants compte la ville de Lyon ?"
TEXTS = ["Lyon est connue pour sa gastronomie.\x1b[2J " * 9, "La ville de Lyon compte 520 774 habitants."]
HEAVY = ("onnxruntime", "torch", "transformers", "sentence_transformers", "tokenizers")
LIMIT = HANGS


def start(*argv: str, **streams: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pertinence", *argv]
    return subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, **streams})  # type: ignore[call-overload]


def read_all(terminal: int) -> str:
    """What was written to a terminal until its last writer left."""
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux: nobody holds the other end
            piece = b""
        if not piece:
            return written.decode()
        written += piece


def test_the_console_script_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="pertinence")
    assert script.load() is main


def test_a_pipe_gets_json_lines_in_utf8_and_no_progress_bar() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "pertinence", "rank", QUERY],
        input="\n".join(["Évian", *TEXTS]).encode(),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=LIMIT,
        check=True,
    )
    lines = [json.loads(line) for line in process.stdout.decode("utf-8").splitlines()]
    assert lines[0]["text"] == TEXTS[1]
    assert {line["text"] for line in lines} == {"Évian", *TEXTS}
    assert process.stderr == b""


def test_a_terminal_gets_a_table_as_wide_as_it_is() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    # The variables would speak in the terminal's place.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = start("rank", QUERY, *TEXTS, stdout=theirs, env=environment)
    os.close(theirs)
    lines = read_all(ours).splitlines()
    os.close(ours)
    assert process.wait(LIMIT) == 0
    assert lines[1].split() == ["rank", "was", "score", "passage"]
    assert lines[2].endswith("La ville de Lyon compte 520 774 habit…")
    assert [len(line) for line in lines[2:]] == [60, 60]
    assert "\x1b" not in "".join(lines)


def test_a_pipe_that_closes_is_silent() -> None:
    process = start("rank", QUERY, *TEXTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(LIMIT) == 128 + signal.SIGPIPE


def test_an_interruption_is_silent(tmp_path: Path) -> None:
    pipe = tmp_path / "documents.txt"
    os.mkfifo(pipe)
    # A shell has its background jobs ignore interruptions, and what they start inherits that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = start("rank", QUERY, "--documents", str(pipe), stderr=subprocess.PIPE, preexec_fn=heed)
    # Opened when the command opens it too: from then on it waits for documents that never come.
    with pipe.open("wb"):
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=LIMIT)
    assert told == b""
    assert process.returncode == 128 + signal.SIGINT


@pytest.mark.parametrize("argv", [["--help"], ["rank", "--help"], ["doctor"]], ids=" ".join)
def test_what_runs_no_model_imports_no_runtime(argv: list[str]) -> None:
    script = (
        "import sys\nfrom pertinence.cli import main\n"
        f"status = main({argv!r})\n"
        f"print('loaded:', *(name for name in {HEAVY!r} if name in sys.modules))\n"
        "sys.exit(status)"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=LIMIT
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == "loaded:"
