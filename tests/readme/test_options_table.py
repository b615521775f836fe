"""`docs/options.md` against what it speaks of: every option, its default, each framework's name for it."""

from __future__ import annotations

import inspect
from ast import literal_eval
from collections.abc import Iterable
from pathlib import Path

import pytest

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from langchain_pertinence import PertinenceRerank
from llama_index.postprocessor.pertinence import PertinenceRerank as LlamaRerank
from pertinence.cli.flags import flag
from pertinence.options import Options

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
LINES = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
HEADER, *ROWS = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in LINES]
# What each component takes beside the options; the page tells of them below its table.
BESIDE = {
    "LangChain": {"metadata_fields", "metadata_separator"},
    "LlamaIndex": {"callback_manager", "metadata_mode", "keep_retrieval_score"},
    "Haystack": {"self", "meta_fields_to_embed", "embedding_separator"},
}


def column(name: str) -> list[str]:
    return [row[HEADER.index(name)] for row in ROWS]


def test_every_option_has_a_row_in_order() -> None:
    assert tuple(column("option")) == Options.names()


@pytest.mark.parametrize(("name", "default"), list(zip(column("option"), column("default"), strict=True)))
def test_its_default_is_right(name: str, default: str) -> None:
    assert getattr(Options(), name) == literal_eval(default)


@pytest.mark.parametrize(
    ("framework", "takes"),
    [
        ("LangChain", PertinenceRerank.model_fields),
        ("LlamaIndex", LlamaRerank.model_fields),
        ("Haystack", inspect.signature(PertinenceRanker.__init__).parameters),
    ],
)
def test_a_framework_takes_the_names_of_its_column(framework: str, takes: Iterable[str]) -> None:
    assert set(takes) == set(column(framework)) | BESIDE[framework]
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in BESIDE[framework] - {"self", "callback_manager"})


def test_the_command_line_has_a_flag_for_all_but_secrets() -> None:
    flags = {name: flag(name) for name in Options.names()} | {"token": "", "api_key": ""}
    assert column("command line") == list(flags.values())
