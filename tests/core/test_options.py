"""One list of plain options: checked when made, to and from JSON, with no secret in sight."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

from pertinence import OptionError, PertinenceError, Reranker
from pertinence.options import Options, OptionValues


def test_options_survive_json() -> None:
    options = Options(model="m", top_k=3, threshold=0.25, backend="torch", model_kwargs={"a": [1]})
    assert Options.from_json(options.to_json()) == options


def test_a_secret_is_in_no_output() -> None:
    options = Options(model="m", token="hf_secret")
    for shown in (repr(options), str(options), options.to_json(), str(options.to_dict())):
        assert "hf_secret" not in shown
    assert "hf_secret" not in repr(Reranker("m", token="hf_secret"))


def test_a_pickle_carries_options_but_no_secret() -> None:
    options = Options(model="m", token="hf_secret", top_k=3)
    carried = pickle.dumps(Reranker.from_options(options))
    assert b"hf_secret" not in carried
    assert pickle.loads(carried).options == options.with_(token=None)
    assert copy.deepcopy(options).token == "hf_secret"


def test_keyword_arguments_and_fields_are_one_list() -> None:
    assert ["model", *OptionValues.__annotations__] == list(Options.names())
    documented = inspect.getdoc(Options) or ""
    for name in Options.names():
        assert f"{name}:" in documented or f"`{name}`" in documented, f"{name} is not documented"


def test_an_unknown_option_is_named_with_its_nearest_neighbour() -> None:
    with pytest.raises(OptionError, match=r"unknown option 'treshold'; did you mean 'threshold'\?"):
        Reranker(treshold=0.5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", 0),
        ("threshold", "high"),
        ("score_kind", "percent"),
        ("backend", "tensorflow"),
        ("dtype", "float8"),
        ("truncation", "middle"),
        ("max_length", -1),
        ("batch_tokens", 1.5),
        ("max_queued", 0),
        ("query_prefix", None),
        ("device", 0),
        ("model", ""),
        ("model", 3),
        ("trust_remote_code", "yes"),
        ("model_kwargs", "fast"),
        ("model_kwargs", {"token": "hf_secret"}),
        ("model_kwargs", {"dtype": "bfloat16"}),
        ("token", 42),
    ],
)
def test_a_value_that_an_option_does_not_take_is_named(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=name):
        Options.of({name: value})


def test_a_token_of_the_wrong_type_is_not_shown() -> None:
    with pytest.raises(OptionError) as caught:
        Options.of({"token": b"hf_secret"})
    assert "hf_secret" not in str(caught.value)


def test_a_path_is_taken_as_a_model(tmp_path: Path) -> None:
    assert Reranker(tmp_path).options.model == str(tmp_path)


def test_every_error_has_one_root() -> None:
    import pertinence.errors

    for name in pertinence.errors.__all__:
        assert issubclass(getattr(pertinence.errors, name), PertinenceError)
