"""The fields of the component: what they refuse, what they hide, what is left of them in a pickle."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.schema import MetadataMode, NodeWithScore
from pydantic import SecretStr, ValidationError

from llama_index.postprocessor.pertinence import PertinenceRerank
from pertinence import OptionError
from pertinence.integration import Options

SECRET = "hf_not_to_be_shown"

pytestmark = pytest.mark.usefixtures("made")


def test_our_word_for_an_option_leads_to_llama_indexs() -> None:
    with pytest.raises(OptionError, match="unknown option 'top_k'; did you mean 'top_n'"):
        PertinenceRerank(top_k=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_n", "3"), ("backend", "tensorflow"), ("max_length", 0), ("trust_remote_code", 1), ("model", "")],
)
def test_a_bad_value_is_refused_as_everywhere(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=name):
        PertinenceRerank(**{name: value})


def test_a_metadata_mode_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="metadata_mode"):
        PertinenceRerank(metadata_mode="everything")  # type: ignore[arg-type]


def test_a_field_that_was_set_counts_from_the_next_call(nodes: list[NodeWithScore], query: str) -> None:
    reranker = PertinenceRerank()
    assert len(reranker.postprocess_nodes(nodes, query_str=query)) == 3
    reranker.top_n = 1
    assert len(reranker.postprocess_nodes(nodes, query_str=query)) == 1
    reranker.top_n = 0
    with pytest.raises(OptionError, match="top_n must be > 0, but got 0"):
        reranker.postprocess_nodes(nodes, query_str=query)


def test_a_subclass_may_add_fields(nodes: list[NodeWithScore], query: str) -> None:
    class Labelled(PertinenceRerank):
        label: str = ""

    reranker = Labelled(label="mine", top_n=1)
    assert reranker.label == "mine"
    assert len(reranker.postprocess_nodes(nodes, query_str=query)) == 1


def test_folders_may_be_paths(made: list[Options]) -> None:
    reranker = PertinenceRerank(model=Path("some/model"), cache_folder=Path("some/cache"))  # type: ignore[arg-type]
    assert (reranker.model, reranker.cache_folder) == ("some/model", "some/cache")
    reranker.warm_up()
    assert (made[0].model, made[0].cache_folder) == ("some/model", "some/cache")


def test_every_way_to_write_it_out_leads_back() -> None:
    reranker = PertinenceRerank(top_n=3, metadata_mode=MetadataMode.LLM, model_kwargs={"a": [1]})
    assert reranker.to_dict()["class_name"] == "PertinenceRerank"
    for other in (
        PertinenceRerank.from_dict(reranker.to_dict()),
        PertinenceRerank.from_json(reranker.to_json()),
        PertinenceRerank.model_validate(reranker.model_dump()),
        PertinenceRerank.model_validate_json(reranker.model_dump_json()),
    ):
        assert other.to_dict() == reranker.to_dict()


@pytest.mark.parametrize("token", [SECRET, SecretStr(SECRET)], ids=["str", "SecretStr"])
def test_the_token_is_in_nothing_that_is_written(token: Any, made: list[Options]) -> None:
    reranker = PertinenceRerank(token=token)
    written = [repr(reranker), str(reranker), reranker.to_json(), str(reranker.to_dict())]
    written += [str(reranker.model_dump()), reranker.model_dump_json(), str(pickle.dumps(reranker))]
    for each in written:
        assert SECRET not in each
    copy.deepcopy(reranker).warm_up()
    assert made[0].token == SECRET


@pytest.mark.parametrize("bad", [{"top_n": 0}, {"tokn": SECRET}, {"model_kwargs": 3}], ids=repr)
def test_the_token_is_in_no_error(bad: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as raised:
        PertinenceRerank(token=SECRET, **bad)
    assert SECRET not in str(raised.value)
    with pytest.raises(ValidationError) as wrapped:
        PertinenceRerank.model_validate({"token": SECRET, **bad})
    assert SECRET not in str(wrapped.value)


def test_pickling_leaves_the_original_whole(
    nodes: list[NodeWithScore], query: str, unpicklable: LlamaDebugHandler
) -> None:
    manager = CallbackManager([unpicklable])
    reranker = PertinenceRerank(top_n=1, token=SECRET, callback_manager=manager)
    loaded = pickle.loads(pickle.dumps(reranker))
    assert loaded.to_dict() == reranker.to_dict()
    assert loaded.postprocess_nodes(nodes, query_str=query) == reranker.postprocess_nodes(
        nodes, query_str=query
    )
    assert reranker.callback_manager is manager
    assert reranker.token == SecretStr(SECRET)
    assert loaded.token is None
