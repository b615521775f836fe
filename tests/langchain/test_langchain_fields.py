"""The fields of a component: what they refuse, what they hide, what pydantic makes of them."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.load import dumpd, dumps
from pydantic import BaseModel, SecretStr, ValidationError

from langchain_pertinence import (
    PertinenceCrossEncoder,
    PertinenceEmbeddings,
    PertinenceRerank,
    PertinenceRetriever,
)
from pertinence import OptionError
from pertinence.integration import EmbedderOptions, Options
from support.langchain import FirstStage

pytestmark = pytest.mark.usefixtures("made")

SECRET = "hf_not_to_be_shown"
KEY = "key_not_to_be_shown"


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


OWN = {"metadata_fields", "metadata_separator"}
BASE = {"name", "tags", "metadata"}  # of `BaseRetriever`


def worded(word: str) -> set[str]:
    return {word if name == "top_k" else name for name in Options.names()}


@pytest.mark.parametrize(
    ("component", "fields"),
    [
        (PertinenceRerank, worded("top_n") | OWN),
        (PertinenceRetriever, worded("k") | OWN | BASE | {"retriever"}),
        (PertinenceCrossEncoder, set(Options.names()) - {"top_k", "threshold"}),
        (PertinenceEmbeddings, set(EmbedderOptions.names())),
    ],
)
def test_the_schema_describes_the_options_and_no_more(component: type[BaseModel], fields: set[str]) -> None:
    schema = component.model_json_schema()
    assert set(schema["properties"]) == fields
    for secret in ("token", "api_key"):
        assert schema["properties"][secret]["anyOf"][0]["writeOnly"] is True
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("wrong", ["top_k", "top_N", "modle", "thresold"])
def test_no_component_takes_an_option_that_is_none(wrong: str, documents: list[Document]) -> None:
    first = FirstStage(documents=documents)
    for make in (
        PertinenceRerank,
        PertinenceCrossEncoder,
        partial(PertinenceRetriever, retriever=first),
        partial(PertinenceEmbeddings, model="m"),
    ):
        with pytest.raises(OptionError, match=f"unknown option '{wrong}'"):
            make(**{wrong: 3})


def test_every_component_reads_its_secrets_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, documents: list[Document]
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
    for component in (
        PertinenceRerank(),
        PertinenceCrossEncoder(),
        PertinenceRetriever(retriever=FirstStage(documents=documents)),
        PertinenceEmbeddings(model="m"),
    ):
        assert (component.token, component.api_key) == (SecretStr(SECRET), SecretStr(KEY))
        written = f"{component!r} {component.model_dump()} {dumps(component)} {pickle.dumps(component)!r}"
        assert SECRET not in written
        assert KEY not in written
        copied = copy.deepcopy(component)
        assert (copied.token, copied.api_key) == (SecretStr(SECRET), SecretStr(KEY))


def test_a_given_key_wins_over_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERTINENCE_API_KEY", SECRET)
    assert PertinenceRerank(api_key=KEY).api_key == SecretStr(KEY)  # type: ignore[arg-type]
    assert PertinenceRerank(api_key=None).api_key is None


@pytest.mark.parametrize("component", [PertinenceRerank, PertinenceCrossEncoder])
def test_every_way_to_copy_it_leads_to_the_same_options(
    component: type[PertinenceRerank | PertinenceCrossEncoder],
) -> None:
    made = component(model="m", headers={"X-Team": "search"}, dialect={"name": "cohere", "scale": "logit"})
    made.warm_up()
    for other in (
        copy.copy(made),
        copy.deepcopy(made),
        made.model_copy(),
        made.model_copy(deep=True),
        pickle.loads(pickle.dumps(made)),
        component.model_validate_json(made.model_dump_json()),
        component(**made.model_dump()),
    ):
        assert other._options() == made._options()
        assert other._handle is not made._handle
        assert other.model_dump_json() == made.model_dump_json()
