"""What is wrong is told in one line on standard error, with exit status 2, before any model runs."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pertinence.cli import main

Command = Callable[..., Any]


def refused(command: Command, *argv: str, stdin: bytes = b"", saying: str) -> None:
    ended = command(*argv, stdin=stdin)
    assert (ended.status, ended.out) == (2, "")
    *usage, last = ended.err.splitlines()
    assert saying in last
    assert "Traceback" not in ended.err
    # argparse shows how the command is used first; our own errors are one line.
    assert not usage or usage[0].startswith("usage:")


@pytest.mark.parametrize(
    ("line", "saying"),
    [
        (b'{"text": "a"', "not valid JSON"),
        (b"Lyon", "not valid JSON"),
        (b'["a"]', "must be a JSON object, not list"),
        (b'{"id": 3, "body": "a"}', "no field 'text'; it has 'id', 'body'"),
        (b"{}", "no field 'text'; it has none"),
        (b'{"text": null}', "field 'text' must be a string, not NoneType"),
        (b'{"text": "\xe9"}', "not UTF-8 (byte 11)"),
    ],
)
def test_a_bad_object_is_named_by_file_and_line(
    command: Command, tmp_path: Path, line: bytes, saying: str
) -> None:
    file = tmp_path / "docs.jsonl"
    file.write_bytes(b'{"text": "a"}\n\n' + line + b'\n{"text": "b"}\n')
    refused(command, "rank", "q", "--documents", str(file), saying=f"{file}, line 3: {saying}")


def test_a_bad_line_of_standard_input_is_named(command: Command) -> None:
    refused(command, "rank", "q", stdin=b"a\n\xff\n", saying="standard input, line 2: not UTF-8")


@pytest.mark.parametrize(
    ("argv", "saying"),
    [
        (["", "a"], "query is empty"),
        ([" \t", "a"], "query is empty"),
        (["q", "a", "--top-k", "0"], "--top-k must be > 0, but got 0"),
        (["q", "a", "--top-k", "many"], "--top-k: invalid int value: 'many'"),
        (["q", "a", "--threshold", "nan"], "--threshold must be a number"),
        (["q", "a", "--max-length", "0"], "--max-length must be > 0, but got 0"),
        (["q", "a", "--score-kind", "best"], "--score-kind: invalid choice: 'best'"),
        (["q", "a", "--model-kwargs", "[]"], "--model-kwargs: must be a JSON object"),
        (["q", "a", "--model-kwargs", "{"], "--model-kwargs: not valid JSON"),
        (["q", "a", "--top", "3"], "--top"),
        (["q", "a", "--model", ""], "model is empty"),
        (["q", "a", "--model", "./nowhere"], "./nowhere is not a folder"),
        (["q", "a", "--backend", "onnx", "--device", "cuda"], "does not take device='cuda'"),
        (["q", "a", "-"], "only when it stands alone"),
        (["q", "a", "--documents", "docs.txt"], "choose one"),
        (["q", "a", "--format", "lines"], "--format and --field"),
        (["q", "--documents", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["q", "--documents", "."], ". cannot be read"),
        ([], "QUERY"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said(command: Command, argv: list[str], saying: str) -> None:
    refused(command, "rank", *argv, saying=saying)


def test_an_unknown_command_is_refused_by_name(command: Command) -> None:
    refused(command, "ranke", "q", saying="ranke")


def test_no_documents_on_a_terminal_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main(["rank", "q"]) == 2
    assert "no documents" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--token", "--api-key"])
def test_a_secret_is_no_flag(command: Command, flag: str) -> None:
    refused(command, "rank", "q", "a", flag, "hf_secret", saying=flag)
