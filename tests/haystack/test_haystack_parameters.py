"""The parameters of the component: what they refuse, what they hide, how they are written out."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from haystack.utils import ComponentDevice, Device, DeviceMap, Secret

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence import OptionError
from pertinence.integration import Options

SECRET = "hf_not_to_be_shown"

pytestmark = pytest.mark.usefixtures("made")


def test_parameters_go_by_name_alone() -> None:
    with pytest.raises(TypeError, match="positional"):
        PertinenceRanker("some/model")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("score_threshold", float("nan"), "score_threshold must be a number or None"),
        ("backend", "tensorflow", "backend must be one of"),
        ("max_length", 0, "max_length must be"),
        ("trust_remote_code", 1, "trust_remote_code cannot be 1"),
        ("model", "", "model is empty"),
        ("scale_score", "no", "scale_score must be True or False, got 'no'"),
        (
            "device",
            "cpu",
            r"device must be a ComponentDevice or None, got 'cpu': write ComponentDevice\.from_str",
        ),
        ("embedding_separator", None, "embedding_separator must be a string, got None"),
        ("meta_fields_to_embed", "title", "meta_fields_to_embed must be a list of names or None"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: Any, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        PertinenceRanker(**{name: value})


def test_a_map_of_devices_is_refused() -> None:
    devices = DeviceMap({"encoder": Device.cpu(), "head": Device.gpu(1)})
    with pytest.raises(OptionError, match="device must be a single device"):
        PertinenceRanker(device=ComponentDevice.from_multiple(devices))


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_a_device_arrives_under_the_cores_name(name: str, made: list[Options]) -> None:
    PertinenceRanker(device=ComponentDevice.from_str(name)).warm_up()
    assert made[-1].device == name


def test_the_device_of_this_host_is_not_written_out(made: list[Options]) -> None:
    ranker = PertinenceRanker()
    ranker.warm_up()
    assert made[-1].device == "auto"
    assert ranker.to_dict()["init_parameters"]["device"] is None


def test_folders_may_be_paths(made: list[Options]) -> None:
    ranker = PertinenceRanker(model=Path("some/model"), cache_folder=Path("some/cache"))  # type: ignore[arg-type]
    ranker.warm_up()
    assert (made[0].model, made[0].cache_folder) == ("some/model", "some/cache")
    assert json.loads(json.dumps(ranker.to_dict()))["init_parameters"]["model"] == "some/model"


def test_all_parameters_are_written_out_and_read_back() -> None:
    ranker = PertinenceRanker(
        model="some/model",
        top_k=3,
        scale_score=False,
        score_threshold=0.0,
        meta_fields_to_embed=["title"],
        embedding_separator=" ",
        device=ComponentDevice.from_str("cuda:1"),
        token=Secret.from_env_var("MY_TOKEN"),
        model_kwargs={"attn_implementation": "eager"},
    )
    data = ranker.to_dict()
    before = copy.deepcopy(data)
    loaded = PertinenceRanker.from_dict(data)
    assert data == before
    assert loaded.to_dict() == data
    assert (loaded.device, loaded.token) == (ranker.device, ranker.token)
    assert data["type"] == "haystack_integrations.components.rankers.pertinence.ranker.PertinenceRanker"
    assert data["init_parameters"]["scale_score"] is False
    assert data["init_parameters"]["score_threshold"] == 0.0


def test_a_component_is_read_without_parameters() -> None:
    data = {"type": PertinenceRanker().to_dict()["type"]}
    assert PertinenceRanker.from_dict(data).to_dict() == PertinenceRanker().to_dict()


def test_what_is_written_out_is_not_what_a_component_holds() -> None:
    ranker = PertinenceRanker(meta_fields_to_embed=["title"], model_kwargs={"a": [1]})
    written = ranker.to_dict()
    loaded = PertinenceRanker.from_dict(written)
    written["init_parameters"]["meta_fields_to_embed"].append("page")
    written["init_parameters"]["model_kwargs"]["a"].append(2)
    for component in (ranker, loaded):
        assert component.meta_fields_to_embed == ["title"]
        assert component.model_kwargs == {"a": [1]}


# The token


def test_the_token_is_resolved_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, made: list[Options]
) -> None:
    monkeypatch.delenv("MY_TOKEN", raising=False)
    ranker = PertinenceRanker.from_dict(PertinenceRanker(token=Secret.from_env_var("MY_TOKEN")).to_dict())
    with pytest.raises(OptionError, match=r"token: .*MY_TOKEN"):
        ranker.warm_up()
    monkeypatch.setenv("MY_TOKEN", SECRET)
    ranker.warm_up()
    assert made[-1].token == SECRET
    assert SECRET not in json.dumps(ranker.to_dict())


@pytest.mark.parametrize("name", ["HF_API_TOKEN", "HF_TOKEN"])
def test_the_token_comes_from_haystacks_own_variables(
    monkeypatch: pytest.MonkeyPatch, made: list[Options], name: str
) -> None:
    for each in ("HF_API_TOKEN", "HF_TOKEN"):
        monkeypatch.delenv(each, raising=False)
    PertinenceRanker().warm_up()
    monkeypatch.setenv(name, SECRET)
    PertinenceRanker().warm_up()
    assert [options.token for options in made] == [None, SECRET]


def test_a_token_that_is_no_secret_is_refused_unseen() -> None:
    with pytest.raises(OptionError, match="token must be a Secret or None, not str") as raised:
        PertinenceRanker(token=SECRET)  # type: ignore[arg-type]
    assert SECRET not in str(raised.value)


def test_a_token_that_cannot_be_written_out_is_refused_unseen() -> None:
    ranker = PertinenceRanker(token=Secret.from_token(SECRET))
    with pytest.raises(ValueError, match="Cannot serialize token-based secret") as raised:
        ranker.to_dict()
    assert SECRET not in f"{raised.value} {ranker!r} {vars(ranker)}"


def test_a_copy_keeps_the_token_and_a_pickle_does_not() -> None:
    ranker = PertinenceRanker(token=Secret.from_token("hf_not_to_be_shown"))
    for copied in (copy.copy(ranker), copy.deepcopy(ranker)):
        assert copied.token == ranker.token
    assert pickle.loads(pickle.dumps(ranker)).token is None
    named = PertinenceRanker(token=Secret.from_env_var("HF_TOKEN", strict=False))
    assert pickle.loads(pickle.dumps(named)).token == named.token
