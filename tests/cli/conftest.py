"""The command line in this process, over the real embedded default, which is loaded once."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pertinence import Reranker
from pertinence.cli import main


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
