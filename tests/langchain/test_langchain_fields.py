"""The fields of a component: what they refuse, what they hide, what pydantic makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.load import dumpd, dumps
from pydantic import SecretStr, ValidationError

from langchain_pertinence import PertinenceCrossEncoder, PertinenceRerank
from pertinence import OptionError
from pertinence.integration import Options

pytestmark = pytest.mark.usefixtures("made")

SECRET = "hf_not_to_be_shown"


def test_our_word_for_an_option_leads_to_langchains() -> None:
    with pytest.raises(OptionError, match="unknown option 'top_k'; did you mean 'top_n'"):
        PertinenceRerank(top_k=3)  # type: ignore[call-arg]


def test_a_cross_encoder_has_no_options_of_ranking() -> None:
    with pytest.raises(OptionError, match="unknown option 'top_n'"):
        PertinenceCrossEncoder(top_n=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_n", "3"), ("backend", "tensorflow"), ("max_length", 0), ("trust_remote_code", 1), ("model", "")],
)
def test_a_bad_value_is_refused_as_everywhere(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=name):
        PertinenceRerank(**{name: value})


def test_pydantics_own_door_wraps_the_same_error() -> None:
    with pytest.raises(ValidationError, match="top_n must be > 0, but got 0"):
        PertinenceRerank.model_validate({"top_n": 0})


def test_a_field_that_was_set_to_a_bad_value_is_refused_when_used(
    documents: list[Document], query: str
) -> None:
    reranker = PertinenceRerank()
    reranker.top_n = 0
    with pytest.raises(OptionError, match="top_n"):
        reranker.compress_documents(documents, query)


def test_a_field_that_was_set_counts_from_the_next_call(documents: list[Document], query: str) -> None:
    reranker = PertinenceRerank()
    assert len(reranker.compress_documents(documents, query)) == 3
    reranker.top_n = 1
    assert len(reranker.compress_documents(documents, query)) == 1


def test_a_subclass_may_add_fields(documents: list[Document], query: str) -> None:
    class Labelled(PertinenceRerank):
        label: str = ""

    assert Labelled(label="mine", top_n=1).label == "mine"
    assert len(Labelled(label="mine", top_n=1).compress_documents(documents, query)) == 1


def test_folders_may_be_paths(made: list[Options]) -> None:
    reranker = PertinenceRerank(model=Path("some/model"), cache_folder=Path("some/cache"))  # type: ignore[arg-type]
    assert (reranker.model, reranker.cache_folder) == ("some/model", "some/cache")
    reranker.warm_up()
    assert (made[0].model, made[0].cache_folder) == ("some/model", "some/cache")


@pytest.mark.parametrize("token", [SECRET, SecretStr(SECRET)], ids=["str", "SecretStr"])
def test_the_token_is_in_nothing_that_is_written(token: Any) -> None:
    reranker = PertinenceRerank(token=token)
    written = [
        repr(reranker),
        str(reranker),
        dumps(reranker),
        str(dumpd(reranker)),
        str(reranker.model_dump()),
    ]
    written += [reranker.model_dump_json(), repr(reranker._handle.reranker(reranker._options()))]
    for each in written:
        assert SECRET not in each


@pytest.mark.parametrize("bad", [{"top_n": 0}, {"tokn": SECRET}, {"model_kwargs": 3}], ids=repr)
def test_the_token_is_in_no_error(bad: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as raised:
        PertinenceRerank(**{"token": SECRET, **bad})
    assert SECRET not in str(raised.value)
    with pytest.raises(ValidationError) as wrapped:
        PertinenceRerank.model_validate({"token": SECRET, **bad})
    assert SECRET not in str(wrapped.value)


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, made: list[Options]) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    reranker = PertinenceRerank.model_validate_json(PertinenceRerank().model_dump_json())
    reranker.warm_up()
    assert made[0].token == SECRET


def test_the_schema_describes_the_options_and_no_more() -> None:
    schema = PertinenceRerank.model_json_schema()
    assert set(schema["properties"]) == {"top_n" if name == "top_k" else name for name in Options.names()}
    assert schema["properties"]["token"]["anyOf"][0]["writeOnly"] is True
    assert schema["additionalProperties"] is False
