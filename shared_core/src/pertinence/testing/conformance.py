"""What every reranking adapter must do, as tests to subclass; they read as its documentation.

    from pertinence.testing.conformance import RerankerConformance

    class TestMyAdapter(RerankerConformance):
        driver = MyDriver()

`RerankerConformance` needs no model: it scores with a `FakeScorer`. `PerCallConformance` adds what
holds when `top_k` and `threshold` can be given call by call, and `ModelConformance` asks a real model.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pertinence.errors import ModelError, PertinenceError
from pertinence.integration import Options
from pertinence.testing.answers import QUERY, TEXTS, AnswersConformance
from pertinence.testing.driver import Hit
from pertinence.testing.fake import FakeScorer, scoring_with

__all__ = ["ModelConformance", "PerCallConformance", "RerankerConformance"]

# One value per option that is not its default, for the options that say what to load and how to score.
OTHER_VALUES: dict[str, Any] = {
    "model": "some/model",
    "score_kind": "logit",
    "query_prefix": "query: ",
    "query_suffix": " ?",
    "document_prefix": "passage: ",
    "document_suffix": " .",
    "device": "cpu",
    "backend": "onnx",
    "dtype": "float32",
    "max_length": 128,
    "truncation": "only_second",
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
PER_CALL = ("top_k", "threshold")


class RefusingExecutor(ThreadPoolExecutor):
    """Stands in for the event loop's thread pool where it must not be needed."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a thread of the pool was asked for; 64 waiting queries would hold 64 of them")


class ModelConformance(AnswersConformance):
    """The answers of a component over a real model: the one that `options` name, or the default."""


class RerankerConformance(AnswersConformance):
    """What every adapter must do, whatever model is behind it."""

    made: list[Options]  # of the rerankers that were made, in order

    @pytest.fixture(autouse=True)
    def scorer(self) -> Iterator[FakeScorer]:
        """Scores in place of any model; a test may ask it what it was given."""
        scorer = FakeScorer()
        with scoring_with(scorer) as self.made:
            yield scorer
        scorer.close()

    # Order

    def test_best_comes_first(self) -> None:
        hits = self.rank()
        assert [hit.id for hit in hits] == ["both", "twin-1", "twin-2", "one", "none"]
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)

    def test_equal_scores_keep_the_order_they_came_in(self) -> None:
        levels = ["a river", "an old river", "no such word"]
        texts = {f"id-{number}": levels[number % 3] for number in range(300)}
        in_order = [f"id-{number}" for level in (1, 0, 2) for number in range(level, 300, 3)]
        assert [hit.id for hit in self.rank(documents=self.documents(texts))] == in_order

    # Which are kept

    def test_all_are_kept_by_default(self) -> None:
        assert len(self.rank()) == len(TEXTS)

    @pytest.mark.parametrize("top_k", [1, 3, len(TEXTS), len(TEXTS) + 1])
    def test_top_k_keeps_the_first(self, top_k: int) -> None:
        assert self.rank(top_k=top_k) == self.rank()[:top_k]

    def test_a_score_equal_to_the_threshold_is_kept(self) -> None:
        hits = self.rank()
        assert self.rank(threshold=hits[2].score) == hits[:3]

    def test_a_threshold_of_zero_is_a_threshold(self) -> None:
        kept = self.rank(threshold=0.0, score_kind=self.driver.value("score_kind", "logit"))
        assert [hit.id for hit in kept] == ["both", "twin-1", "twin-2", "one"]

    def test_a_threshold_above_all_scores_keeps_none(self) -> None:
        assert self.rank(threshold=1.5) == []

    def test_threshold_comes_before_top_k(self) -> None:
        hits = self.rank()
        assert self.rank(threshold=hits[2].score, top_k=2) == hits[:2]
        assert self.rank(threshold=hits[2].score, top_k=4) == hits[:3]

    # What is handed back

    def test_the_callers_documents_are_untouched(self) -> None:
        documents = self.documents()
        before = copy.deepcopy(documents)
        self.rank(documents=documents)
        assert documents == before

    def test_the_callers_list_may_be_any_sequence(self) -> None:
        documents = self.documents()
        assert self.run(self.make(), QUERY, tuple(documents)) == self.run(self.make(), QUERY, documents)

    # Empty

    def test_no_documents_need_no_model(self, scorer: FakeScorer) -> None:
        component = self.make()
        assert self.run(component, QUERY, []) == []
        assert self.arun(component, QUERY, []) == []
        assert (scorer.requests, scorer.warm_ups) == ([], 0)

    def test_making_a_component_loads_nothing(self, scorer: FakeScorer) -> None:
        self.make()
        assert (scorer.requests, scorer.warm_ups) == ([], 0)

    # Bad input: an error of our hierarchy that names the item, before any model runs

    @pytest.mark.parametrize("query", [None, 7, "", " \t\n"], ids=repr)
    def test_a_query_without_words_is_refused(self, query: Any, scorer: FakeScorer) -> None:
        self.refused(scorer, query, self.documents(), match="query")

    @pytest.mark.parametrize("query", [None, ""], ids=repr)
    def test_a_query_is_looked_at_even_without_documents(self, query: Any, scorer: FakeScorer) -> None:
        self.refused(scorer, query, [], match="query")

    @pytest.mark.parametrize("text", [None, 7], ids=repr)
    def test_a_text_that_is_no_string_is_refused_by_its_index(self, text: Any, scorer: FakeScorer) -> None:
        documents = self.documents()
        documents[2] = self.driver.document("bad", text, {})
        self.refused(scorer, QUERY, documents, match=r"\b2\b")

    @pytest.mark.parametrize("top_k", [0, -1, 1.5, True], ids=repr)
    def test_a_top_k_that_keeps_nothing_is_refused(self, top_k: Any) -> None:
        with pytest.raises(PertinenceError, match=rf"{self.driver.word('top_k')}.* {top_k}"):
            self.rank(top_k=top_k)

    @pytest.mark.parametrize("threshold", [float("nan"), "high"], ids=repr)
    def test_a_threshold_that_is_no_number_is_refused(self, threshold: Any) -> None:
        with pytest.raises(PertinenceError, match=self.driver.word("threshold")):
            self.rank(threshold=threshold)

    def test_an_unknown_option_is_refused_by_name(self) -> None:
        with pytest.raises(self.driver.unknown_option_errors, match="top_kk"):
            self.driver.make(top_kk=3)

    def test_an_error_of_the_model_reaches_the_caller(self, scorer: FakeScorer) -> None:
        scorer.error = ModelError("the weights are gone")
        component = self.make()
        with pytest.raises(ModelError, match="the weights are gone"):
            self.run(component, QUERY, self.documents())
        with pytest.raises(ModelError, match="the weights are gone"):
            self.arun(component, QUERY, self.documents())

    # Options

    def test_the_options_are_those_of_every_adapter(self) -> None:
        taken = self.driver.parameters()
        for name, default in Options().to_dict().items():
            assert self.driver.word(name) in taken
            if name not in self.driver.own_forms:
                assert taken[self.driver.word(name)] == default
        assert {self.driver.word(name) for name in SECRETS} <= set(taken)

    @pytest.mark.parametrize("name", [name for name in Options.names() if name not in PER_CALL])
    def test_every_option_arrives(self, name: str) -> None:
        self.rank(**{name: self.driver.value(name, OTHER_VALUES[name])})
        assert getattr(self.made[-1], name) == OTHER_VALUES[name]

    def test_affixes_are_put_around_what_is_scored(self, scorer: FakeScorer) -> None:
        affixes = {name: value for name, value in OTHER_VALUES.items() if name.endswith("fix")}
        hits = self.rank(**affixes)
        query, texts = scorer.requests[-1]
        assert query == f"query: {QUERY} ?"
        assert texts == [f"passage: {text} ." for text in TEXTS.values()]
        assert {hit.text for hit in hits} == set(TEXTS.values())

    # Written out, copied, reused

    def test_the_component_survives_json(self) -> None:
        options = {name: self.driver.value(name, value) for name, value in OTHER_VALUES.items()}
        for name in SECRETS:
            del options[name]
        component = self.make(**options, top_k=4, threshold=0.1)
        written = json.dumps(self.driver.dump(component))
        loaded = self.driver.load(json.loads(written))
        assert json.dumps(self.driver.dump(loaded)) == written
        assert self.run(loaded, QUERY, self.documents()) == self.run(component, QUERY, self.documents())
        assert self.made[-1] == self.made[-2]

    @pytest.mark.parametrize("name", SECRETS)
    def test_a_secret_is_never_shown(self, name: str) -> None:
        secret = OTHER_VALUES[name]
        component = self.make(**{name: self.driver.value(name, secret)})
        assert secret not in f"{component} {component!r}"
        assert secret.encode() not in pickle.dumps(component)
        try:
            written = json.dumps(self.driver.dump(component))
        except self.driver.dump_errors as error:
            written = str(error)
        assert secret not in written

    def test_a_used_component_can_be_copied(self) -> None:
        component = self.make(top_k=4)
        hits = self.run(component, QUERY, self.documents())
        for other in (copy.copy(component), copy.deepcopy(component), pickle.loads(pickle.dumps(component))):
            assert self.run(other, QUERY, self.documents()) == hits
        assert self.run(component, QUERY, self.documents()) == hits

    # Asynchronous

    def test_the_event_loop_stays_free_while_the_model_is_busy(self, scorer: FakeScorer) -> None:
        async def main() -> list[Hit]:
            with scorer.held():
                task = asyncio.create_task(self.driver.arun(component, QUERY, documents))
                await asyncio.wrap_future(scorer.taken(1))
                assert not task.done()
            return await task

        component, documents = self.make(), self.documents()
        assert asyncio.run(main()) == self.run(component, QUERY, documents)

    def test_waiting_holds_no_thread(self) -> None:
        async def main() -> list[Hit]:
            asyncio.get_running_loop().set_default_executor(RefusingExecutor(1))
            return await self.driver.arun(component, QUERY, documents)

        component, documents = self.make(), self.documents()
        assert asyncio.run(main()) == self.run(component, QUERY, documents)

    def test_a_cancelled_task_is_never_scored(self, scorer: FakeScorer) -> None:
        async def main() -> None:
            with scorer.held():
                tasks = [asyncio.create_task(self.driver.arun(component, QUERY, documents)) for _ in range(3)]
                await asyncio.wrap_future(scorer.taken(3))
                tasks[1].cancel()
                with pytest.raises(asyncio.CancelledError):
                    await tasks[1]
            assert await tasks[0] == await tasks[2]

        component, documents = self.make(), self.documents()
        asyncio.run(main())
        assert scorer.rows == 2 * len(documents)

    def test_one_component_serves_several_event_loops(self) -> None:
        component = self.make()
        assert self.arun(component, QUERY, self.documents()) == self.arun(component, QUERY, self.documents())

    def test_the_sync_door_opens_inside_an_event_loop(self) -> None:
        async def main() -> list[Hit]:
            return self.run(component, QUERY, documents)

        component, documents = self.make(), self.documents()
        assert asyncio.run(main()) == self.run(component, QUERY, documents)

    def refused(self, scorer: FakeScorer, query: Any, documents: Sequence[Any], *, match: str) -> None:
        """Both doors refuse this, and no model was asked."""
        component = self.make()
        with pytest.raises(PertinenceError, match=match):
            self.run(component, query, documents)
        with pytest.raises(PertinenceError, match=match):
            self.arun(component, query, documents)
        assert scorer.requests == []


class PerCallConformance(RerankerConformance):
    """What holds besides when `top_k` and `threshold` can be given call by call."""

    def called(self, component: Any, **options: Any) -> list[Hit]:
        """The answer to a call with these options, the same through both doors."""
        call = {self.driver.word(name): value for name, value in options.items()}
        hits = self.driver.run(component, QUERY, self.documents(), **call)
        assert asyncio.run(self.driver.arun(component, QUERY, self.documents(), **call)) == hits
        return hits

    def test_the_call_overrides_the_component(self) -> None:
        hits = self.rank()
        component = self.make(top_k=1, threshold=hits[0].score)
        assert self.called(component, top_k=4, threshold=0.0) == hits[:4]
        assert self.called(component) == hits[:1]

    def test_a_call_that_asks_for_none_takes_the_components_own(self) -> None:
        assert len(self.called(self.make(top_k=2), top_k=None, threshold=None)) == 2

    def test_a_threshold_of_zero_overrides_another(self) -> None:
        component = self.make(threshold=0.99)
        assert self.called(component) == []
        assert len(self.called(component, threshold=0.0)) == len(TEXTS)

    @pytest.mark.parametrize(("name", "value"), [("top_k", 0), ("top_k", -1), ("threshold", float("nan"))])
    def test_a_call_with_a_bad_value_is_refused_by_name(
        self, name: str, value: Any, scorer: FakeScorer
    ) -> None:
        with pytest.raises(PertinenceError, match=self.driver.word(name)):
            self.called(self.make(), **{name: value})
        assert scorer.requests == []

    def test_calls_that_differ_share_one_model(self) -> None:
        component = self.make()
        before = len(self.made)
        for top_k in (1, 2, 3):
            self.called(component, top_k=top_k)
        assert len(self.made) <= before + 1
