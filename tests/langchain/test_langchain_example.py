"""The example's remote side: `nox -s examples` runs what needs no server."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from remote.servers.infinity import Infinity

pytest.importorskip("langchain_qdrant", reason="the example keeps its passages in Qdrant")

EXAMPLE = Path(__file__).parents[2] / "examples" / "langchain_hybrid.py"


def test_the_example_embeds_and_reranks_through_one_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Infinity() as server:
        models = ["--embedder", server.embedder, "--reranker", server.model]
        monkeypatch.setattr("sys.argv", [str(EXAMPLE), "--base-url", server.url, *models])
        monkeypatch.syspath_prepend(str(EXAMPLE.parent))
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert {call.path for call in server.calls} == {"/embeddings", "/rerank"}
    printed = capsys.readouterr().out
    assert "An agent that calls the tool 'household' reads:" in printed
    assert "jardin-compost" in printed
