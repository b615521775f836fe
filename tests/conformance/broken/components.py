"""Rerankers that lose options, show secrets, copy badly, or wait in the wrong place."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.adapters import PlainDriver, PlainReranker
from conformance.broken import caught_by
from conformance.broken.answers import Answering

from pertinence.errors import PertinenceError
from pertinence.testing import Hit

# Options, JSON, secrets, copies


@caught_by("the_options_are_those_of_every_component")
class HasDefaultsOfItsOwn(PlainDriver):
    def parameters(self) -> Mapping[str, Any]:
        return {**super().parameters(), "top_k": 3}


@caught_by("every_option_arrives", "the_component_survives_json")
class LosesAnOption(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        return super().make(**{**options, "revision": None})

    def dump(self, component: PlainReranker) -> Any:
        return {**super().dump(component), "timeout": random.random() + 1}


@caught_by("a_secret_is_never_shown")
class ShowsItsKey(PlainDriver):
    def dump(self, component: PlainReranker) -> Any:
        return {**super().dump(component), "key": f"{component.options.api_key} {component.options.token}"}


@caught_by("an_error_does_not_show_a_secret")
class QuotesWhatItWasGiven(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        try:
            return super().make(**options)
        except PertinenceError as error:
            raise ValueError(f"batch_tokens? {options}") from error


class Copying(PlainReranker):
    """A component whose copies go through `copied`."""

    def __copy__(self) -> Any:
        return self.copied()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copied()

    def __reduce__(self) -> Any:
        return type(self), (self.options.with_(top_k=1),)

    def copied(self) -> Any:
        return type(self)(self.options.with_(token=None, api_key=None, top_k=1))


@caught_by("a_copy_in_memory_keeps_its_secrets", "a_copy_of_a_used_component_gives_the_same_answer")
class CopiesBadly(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        return Copying(super().make(**options).options)


class Twin(PlainReranker):
    """A component whose copies share what it holds."""

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


@caught_by("closing_a_copy_leaves_the_original_at_work", "a_closed_component_may_be_used_again")
class ClosesForGood(PlainDriver):
    def make(self, **options: Any) -> PlainReranker:
        return Twin(super().make(**options).options)

    def close(self, component: PlainReranker) -> None:
        component.handle.reranker(component.options).close()


# Waiting


class Door(PlainDriver):
    """A flaw of the asynchronous door alone."""


@caught_by("both_doors_give_the_same_answer", "sixty_four_tasks_get_the_answers_of_one")
class ShufflesAsynchronously(Door):
    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return (await super().arun(component, query, documents, **call))[::-1]


@caught_by("waiting_holds_no_thread", "what_a_cancelled_task_asked_for_is_never_run")
class WaitsInAThread(Door):
    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return await asyncio.to_thread(self.run, component, query, documents, **call)


@caught_by("the_event_loop_stays_free_while_the_model_is_busy")
class WaitsOnTheLoop(Door):
    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return self.run(component, query, documents, **call)


@caught_by("one_event_loop_after_another_is_served", "four_event_loops_at_once_are_served")
class KeepsToOneLoop(Door):
    async def arun(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        loop = asyncio.get_running_loop()
        if component.options.model_kwargs is None:
            object.__setattr__(component, "options", component.options.with_(model_kwargs={"loop": loop}))
        assert component.options.model_kwargs["loop"] is loop, "another event loop"
        return await super().arun(component, query, documents, **call)


@caught_by("the_sync_door_opens_inside_an_event_loop")
class RunsALoopOfItsOwn(PlainDriver):
    def run(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        return asyncio.run(super().arun(component, query, documents, **call))


@caught_by("eight_threads_get_the_answers_of_one")
class KeepsItsQueryInAField(PlainDriver):
    """Two threads at once answer each other's query."""

    asked: Any = None

    def run(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        self.asked = query
        threading.Event().wait(0.002)
        return super().run(component, self.asked, documents, **call)


@caught_by("an_error_of_the_model_reaches_the_caller", "a_component_works_on_after_an_error")
class SwallowsErrors(PlainDriver):
    def run(self, component: Any, query: Any, documents: Any, **call: Any) -> list[Hit]:
        try:
            return super().run(component, query, documents, **call)
        except PertinenceError:
            return []


@caught_by("the_answer_is_that_of_the_reranker")
class RoundsScores(Answering):
    def spoilt(self, hits: list[Hit], documents: Sequence[Any]) -> list[Hit]:
        return [replace(hit, score=round(hit.score, 2)) for hit in hits]
