"""What the READMEs say to write in place of what one had: every line of it makes a component."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llama_index.embeddings.pertinence import PertinenceEmbedding
from llama_index.postprocessor.pertinence import PertinenceRerank

PACKAGES = Path(__file__).parents[2] / "packages"
COMPONENTS = {
    "llama-index-postprocessor-pertinence": PertinenceRerank,
    "llama-index-embeddings-pertinence": PertinenceEmbedding,
}
HAD = {
    "llama-index-postprocessor-pertinence": [
        "SentenceTransformerRerank",
        "FlagEmbeddingReranker",
        "CohereRerank",
        "JinaRerank",
        "TextEmbeddingInference",
    ],
    "llama-index-embeddings-pertinence": [
        "HuggingFaceEmbedding",
        "OpenAILikeEmbedding",
        "TextEmbeddingsInference",
    ],
}


def lines(package: str) -> list[tuple[str, str]]:
    """The rows of the table: what one had, what to write."""
    text = (PACKAGES / package / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)\(.*?\)` \| `(Pertinence\w+\(.*\))` \|$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("package", COMPONENTS)
def test_every_line_makes_a_component(package: str) -> None:
    component = COMPONENTS[package]
    names = {component.__name__: component, "key": "sk-test-0123456789"}
    made = [eval(written, names) for _, written in lines(package)]
    assert {type(each) for each in made} == {component}


@pytest.mark.parametrize("package", COMPONENTS)
def test_every_component_that_people_have_today_is_there(package: str) -> None:
    assert sorted({had for had, _ in lines(package)}) == sorted(HAD[package])
