"""The example's remote side: `nox -s examples` runs what needs no server."""

from __future__ import annotations

import runpy
from importlib import import_module
from pathlib import Path

import pytest
from remote.servers.infinity import Infinity

pytest.importorskip("llama_index.vector_stores.qdrant", reason="the example keeps its passages in Qdrant")

EXAMPLE = Path(__file__).parents[2] / "examples" / "llama_index_hybrid.py"


def test_the_example_embeds_and_reranks_through_one_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE.parent))
    # The server scores by the words that are shared, so the question must share some.
    question = {"on le retourne toutes les quatre à six semaines": "jardin-compost"}
    monkeypatch.setattr(import_module("common"), "QUESTIONS", question)
    with Infinity() as server:
        models = ["--embedder", server.embedder, "--reranker", server.model]
        monkeypatch.setattr("sys.argv", [str(EXAMPLE), "--base-url", server.url, *models])
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert {call.path for call in server.calls} == {"/embeddings", "/rerank"}
    assert "jardin-compost" in capsys.readouterr().out
