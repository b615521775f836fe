"""Tests that need a fake model, for any component: its options, its secrets, and its waiting."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from pertinence.errors import ModelError
from pertinence.integration import Options
from pertinence.testing.fake import FakeModel
from pertinence.testing.suites.component import ComponentConformance

__all__ = ["OTHER_VALUES", "FakedConformance"]

# A value other than the default for each option that controls which model to load and how to run it.
OTHER_VALUES: dict[str, Any] = {
    "model": "some/model",
    "query_prefix": "query: ",
    "query_suffix": " ?",
    "document_prefix": "passage: ",
    "document_suffix": " .",
    "device": "cpu",
    "backend": "onnx",
    "dtype": "float32",
    "max_length": 128,
    "batch_tokens": 4096,
    "max_queued": 1000,
    "trust_remote_code": True,
    "revision": "main",
    "token": "hf_not_to_be_shown",
    "cache_folder": "some/folder",
    "local_files_only": True,
    "model_kwargs": {"attn_implementation": "eager"},
    "base_url": "http://localhost:8080/v1",
    "dialect": {"name": "cohere", "scale": "logit"},
    "api_key": "key_not_to_be_shown",
    "timeout": 30.5,
    "max_retries": 0,
    "concurrency": 2,
    "headers": {"X-Team": "search"},
    "verify": False,
    "proxy": "http://localhost:3128",
}
SECRETS = ("token", "api_key")


class FakedConformance(ComponentConformance):
    """Tests for a suite that replaces every model by a fake, in a fixture named `model`.

    Attributes:
        kind: class of the options that the component has.
        other_values: a value other than the default for every one of them.
        made: options of the rerankers or embedders that the component created, in order.
        patience: seconds after which a component that blocks the event loop is released, and the test fails.
    """

    kind: ClassVar[type[Options]] = Options
    other_values: ClassVar[Mapping[str, Any]] = OTHER_VALUES
    # Options that can only be set together.
    together: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    made: list[Options]
    patience: ClassVar[float] = 10.0

    def other(self, *names: str) -> dict[str, Any]:
        """Return values other than the defaults for these options, in the framework's types."""
        wanted = {each for name in names for each in (name, *self.together.get(name, ()))}
        return {name: self.driver.value(name, self.other_values[name]) for name in sorted(wanted)}

    # Options

    def test_the_options_are_those_of_every_component(self) -> None:
        taken = self.driver.parameters()
        missing = {self.driver.word(name) for name in self.kind.names()} - set(taken)
        assert not missing, f"the constructor takes no {missing}"
        for name, default in self.kind(**self.options).to_dict().items():
            if name not in {*self.driver.own_forms, *self.options}:
                assert taken[self.driver.word(name)] == default, name

    def test_every_option_arrives(self) -> None:
        for name in self.other_values:
            self.made.clear()
            self.ask(self.make(**self.other(name)))
            wanted = {**self.options, **{each: self.other_values[each] for each in self.other(name)}}
            arrived = [getattr(each, name) for each in self.made]
            assert getattr(self.kind.of(wanted), name) in arrived, name

    def test_an_unknown_option_is_refused_by_name(self) -> None:
        with pytest.raises(self.driver.unknown_option_errors, match="batch_tokenz"):
            self.make(batch_tokenz=3)

    def test_making_a_component_loads_nothing(self, model: FakeModel[Any]) -> None:
        self.make()
        assert (model.requests, model.warm_ups) == ([], 0)

    # Serialization, without secrets

    def test_the_component_survives_json(self) -> None:
        component = self.make(**self.other(*(name for name in self.other_values if name not in SECRETS)))
        written = json.dumps(self.driver.dump(component))
        loaded = self.driver.load(json.loads(written))
        assert json.dumps(self.driver.dump(loaded)) == written
        answer = self.ask(component)
        asked = self.made[-1]
        self.assert_same(self.ask(loaded), answer)
        assert self.made[-1] == asked

    @pytest.mark.parametrize("name", SECRETS)
    def test_a_secret_is_never_shown(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        secret = self.other_values[name]
        caplog.set_level("DEBUG")
        component = self.make(**self.other(name))
        self.ask(component)
        assert secret not in f"{component} {component!r}"
        assert secret.encode() not in pickle.dumps(component)
        assert secret not in caplog.text
        try:
            written = json.dumps(self.driver.dump(component))
        except self.driver.dump_errors as error:
            written = str(error)
        assert secret not in written

    @pytest.mark.parametrize("name", SECRETS)
    def test_an_error_does_not_show_a_secret(self, name: str) -> None:
        secret = self.other_values[name]
        with pytest.raises(Exception, match="batch_tokens") as caught:
            self.make(**self.other(name), batch_tokens="many")
        assert secret not in f"{caught.value!r} {caught.value}"

    def test_a_copy_in_memory_keeps_its_secrets(self) -> None:
        component = self.make(**self.other(*SECRETS))
        for copied in (copy.copy(component), copy.deepcopy(component)):
            self.ask(copied)
            assert [getattr(self.made[-1], name) for name in SECRETS] == [
                self.other_values[name] for name in SECRETS
            ]

    # Errors, waiting and cancellation

    def test_an_error_of_the_model_reaches_the_caller(self, model: FakeModel[Any]) -> None:
        model.error = ModelError("the weights are gone")
        component = self.make()
        with pytest.raises(ModelError, match="the weights are gone"):
            self.ask(component)
        with pytest.raises(ModelError, match="the weights are gone"):
            asyncio.run(self.aask(component))

    def test_a_component_works_on_after_an_error(self, model: FakeModel[Any]) -> None:
        component = self.make()
        answer = self.ask(component)
        model.error = ModelError("out of memory")
        with pytest.raises(ModelError):
            self.ask(component)
        model.error = None
        self.assert_same(self.ask(component), answer)

    def test_the_event_loop_stays_free_while_the_model_is_busy(self, model: FakeModel[Any]) -> None:
        async def main() -> Any:
            with model.held(self.patience):
                task = asyncio.create_task(self.aask(component))
                await asyncio.wrap_future(model.taken(1))
                assert not task.done()
            return await task

        component = self.make()
        self.assert_same(asyncio.run(main()), self.ask(component))

    def test_what_a_cancelled_task_asked_for_is_never_run(self, model: FakeModel[Any]) -> None:
        async def main() -> None:
            with model.held(self.patience):
                tasks = [asyncio.create_task(self.aask(component)) for _ in range(3)]
                await asyncio.wrap_future(model.taken(3))
                tasks[1].cancel()
                with pytest.raises(asyncio.CancelledError):
                    await tasks[1]
            self.assert_same(await tasks[0], await tasks[2])

        component = self.make()
        self.ask(component)
        once, model.rows = model.rows, 0
        model.requests.clear()
        asyncio.run(main())
        assert model.rows == 2 * once
