"""The options as pydantic fields: complete, in the framework's words, and alive only while they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from pertinence import OptionError
from pertinence.components import EmbedderFields, RerankerFields
from pertinence.integration import EmbedderOptions, Options, options_from

LEFT_TO_RERANKERS = {"top_k", "threshold"}
LEFT_TO_EMBEDDERS = {"model", "query_prefix", "document_prefix"}


class Scoring(RerankerFields):
    """A component as a framework would have it."""

    _words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}
    _ignored: ClassVar[frozenset[str]] = frozenset({"kind_of_component"})

    top_n: int | None = None


class Embedding(EmbedderFields):
    """Another, with more words of its own."""

    _words: ClassVar[Mapping[str, str]] = {"model": "name", "query_prefix": "instruction"}

    name: str | None = None
    instruction: str = ""


@pytest.mark.parametrize(
    ("fields", "options", "left"),
    [(RerankerFields, Options, LEFT_TO_RERANKERS), (EmbedderFields, EmbedderOptions, LEFT_TO_EMBEDDERS)],
    ids=["reranker", "embedder"],
)
def test_every_option_is_a_field_with_the_same_default(fields: Any, options: Any, left: set[str]) -> None:
    assert set(fields.model_fields) == set(options.names()) - left
    for name, field in fields.model_fields.items():
        assert field.default == getattr(options(), name)


@pytest.mark.parametrize(
    ("component", "bad", "said"),
    [
        (Scoring, {"top_k": 3}, "unknown option 'top_k'; did you mean 'top_n'"),
        (Scoring, {"top_n": 0}, "top_n must be > 0, but got 0"),
        (Scoring, {"truncate_dim": 8}, "unknown option 'truncate_dim'"),
        (Embedding, {"model": "m"}, "unknown option 'model'; did you mean 'name'"),
        (Embedding, {"name": "m", "query_prefix": "q"}, "unknown option 'query_prefix'; did you mean 'instr"),
        (Embedding, {"name": "m", "instruction": 3}, "instruction cannot be 3"),
        (Embedding, {"name": "m", "threshold": 0.5}, "unknown option 'threshold'"),
        (Embedding, {}, "name is missing"),
    ],
    ids=repr,
)
def test_errors_speak_the_frameworks_words(component: Any, bad: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=f"^{said}"):
        component(**bad)


def test_an_error_that_begins_with_no_option_is_handed_on_as_it_is() -> None:
    with pytest.raises(OptionError, match=r"^unknown option 'topn'"):
        options_from({"topn": 1}, {"top_k": "top_n"})
    with pytest.raises(OptionError, match=r"^model_kwargs must not hold 'token'"):
        options_from({"model_kwargs": {"token": "hf_secret"}}, {"top_k": "top_n"})


def test_what_a_framework_writes_beside_the_fields_is_taken_back() -> None:
    written = {**Scoring(top_n=2).model_dump(), "kind_of_component": "Scoring"}
    assert Scoring(**written).top_n == Scoring.model_validate(written).top_n == 2


def test_a_server_needs_no_name_of_a_model() -> None:
    assert Embedding(base_url="http://localhost:8080").name is None
