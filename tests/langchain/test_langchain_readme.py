"""The table of the README that says what to write in place of what one had: each cell makes a component."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from langchain_core.documents import Document
from pydantic import BaseModel

import langchain_pertinence
from support.langchain import FirstStage

PAGE = Path(__file__).parents[2] / "packages" / "langchain-pertinence" / "README.md"
TABLE = PAGE.read_text("utf-8").partition("## You had, write")[2].partition("\n## ")[0]
ROWS = [re.split(r" \| ", row.strip("| "))[:2] for row in TABLE.splitlines() if row.startswith("| `")]


@pytest.mark.parametrize(("had", "written"), ROWS, ids=[had.partition("(")[0].strip("`") for had, _ in ROWS])
def test_what_is_to_be_written_makes_a_component(
    had: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for provider in ("COHERE", "JINA", "OPENAI", "VOYAGE"):
        monkeypatch.setenv(f"{provider}_API_KEY", "key")
    first = FirstStage(documents=[Document("text")])
    names = {"os": os, "m": "some/model", "t": 0.5, "n": 256, "r": first, **vars(langchain_pertinence)}
    made = eval(written.strip("`").replace("...", "model=m"), names)
    assert isinstance(made, BaseModel)
    assert type(made).__name__ in langchain_pertinence.__all__


def test_the_rerankers_that_people_have_are_in_the_table() -> None:
    had = " ".join(row[0] for row in ROWS)
    for name in ("CrossEncoderReranker", "HuggingFaceCrossEncoder", "FlashrankRerank", "CohereRerank"):
        assert name in had
