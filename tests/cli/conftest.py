"""The command line in this process, over the real embedded default, which is loaded once."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pertinence import Reranker
from pertinence.cli import main
from pertinence.gate import built_in


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(scope="session")
def default_model() -> Iterator[Reranker]:
    """Held open, so that the commands of one process share it."""
    with Reranker() as reranker:
        reranker.warm_up()
        yield reranker


@pytest.fixture
def command(
    default_model: Reranker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """`command("rank", "query", stdin=b"...")`."""

    def run(*argv: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main(argv)
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return run


@pytest.fixture(scope="session")
def own_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight of the built-in questions without their longer passages, as a user's file."""
    file = tmp_path_factory.mktemp("sets") / "own.jsonl"
    rows = []
    for question in built_in().questions[::4]:
        assert question.grades is not None
        pairs = zip(question.passages, question.grades, strict=True)
        kept = [(text, grade) for text, grade in pairs if len(text.split()) < 90]
        texts, grades = zip(*kept, strict=True)
        rows.append(json.dumps({"query": question.query, "passages": texts, "grades": grades}))
    file.write_text("\n".join(rows), encoding="utf-8")
    return file
