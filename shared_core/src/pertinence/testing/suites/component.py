"""Tests for every component, whatever it does and whatever model is behind it."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from pertinence.testing.driver import ComponentDriver

__all__ = ["CLOSE", "QUERY", "ComponentConformance", "many_queries"]

QUERY = "old mill river"
# Largest difference between two scores, or two vector elements, of one text in different batches.
CLOSE = 1e-6
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda component: pickle.loads(pickle.dumps(component)),
}


class RefusingExecutor(ThreadPoolExecutor):
    """Thread pool that fails on use, in place of the event loop's own."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a thread of the pool was asked for; 64 waiting queries would hold 64 of them")


class ComponentConformance:
    """Tests of a component.

    Set `driver`, and `options` (our names) if the component needs some to find its model.
    """

    driver: ClassVar[ComponentDriver[Any]]
    options: ClassVar[Mapping[str, Any]] = {}

    def make(self, **options: Any) -> Any:
        """Create a component with these options, which have our names."""
        asked = {**self.options, **options}
        return self.driver.make(**{self.driver.word(name): value for name, value in asked.items()})

    def ask(self, component: Any, query: Any = QUERY) -> Any:
        """Return the component's answer to the request that the suite makes most often."""
        raise NotImplementedError

    async def aask(self, component: Any, query: Any = QUERY) -> Any:
        """Run `ask` through the component's asynchronous entry point."""
        raise NotImplementedError

    def assert_same(self, answer: Any, other: Any) -> None:
        """Fail unless the two answers are the same."""
        assert answer == other

    # The synchronous and the asynchronous entry point give the same answer

    def test_both_doors_give_the_same_answer(self) -> None:
        component = self.make()
        self.assert_same(asyncio.run(self.aask(component)), self.ask(component))

    def test_the_sync_door_opens_inside_an_event_loop(self) -> None:
        async def main() -> Any:
            return self.ask(component)

        component = self.make()
        self.assert_same(asyncio.run(main()), self.ask(component))

    def test_waiting_holds_no_thread(self) -> None:
        async def main() -> Any:
            asyncio.get_running_loop().set_default_executor(RefusingExecutor(1))
            return await self.aask(component)

        component = self.make()
        self.assert_same(asyncio.run(main()), self.ask(component))

    # Concurrent callers

    def test_eight_threads_get_the_answers_of_one(self) -> None:
        component, queries = self.make(), many_queries(32)
        alone = [self.ask(component, query) for query in queries]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda query: self.ask(component, query), queries))
        for one, other in zip(together, alone, strict=True):
            self.assert_same(one, other)

    def test_sixty_four_tasks_get_the_answers_of_one(self) -> None:
        async def main() -> list[Any]:
            return await asyncio.gather(*(self.aask(component, query) for query in queries))

        component, queries = self.make(), many_queries(64)
        alone = [self.ask(component, query) for query in queries]
        for one, other in zip(asyncio.run(main()), alone, strict=True):
            self.assert_same(one, other)

    def test_one_event_loop_after_another_is_served(self) -> None:
        component = self.make()
        first, second = asyncio.run(self.aask(component)), asyncio.run(self.aask(component))
        self.assert_same(second, first)

    def test_four_event_loops_at_once_are_served(self) -> None:
        component, queries = self.make(), many_queries(8)
        alone = [self.ask(component, query) for query in queries]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda query: asyncio.run(self.aask(component, query)), queries))
        for one, other in zip(together, alone, strict=True):
            self.assert_same(one, other)

    # Copies, closing, and use after closing

    @pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
    def test_a_copy_of_a_used_component_gives_the_same_answer(self, copied: Callable[[Any], Any]) -> None:
        component = self.make()
        answer = self.ask(component)
        self.assert_same(self.ask(copied(component)), answer)
        self.assert_same(self.ask(component), answer)

    def test_a_closed_component_may_be_used_again(self) -> None:
        component = self.make()
        answer = self.ask(component)
        self.driver.close(component)
        self.driver.close(component)
        self.assert_same(self.ask(component), answer)

    def test_closing_a_copy_leaves_the_original_at_work(self) -> None:
        component = self.make()
        answer = self.ask(component)
        for copied in (copy.copy(component), copy.deepcopy(component)):
            self.ask(copied)
            self.driver.close(copied)
            self.assert_same(self.ask(component), answer)


def many_queries(count: int) -> list[str]:
    """Create `count` different queries, so that an answer given to the wrong caller is noticed."""
    words = ["old", "mill", "river", "spring", "flood", "taxes", "may"]
    picked = ((word for bit, word in enumerate(words) if number >> bit & 1) for number in range(1, count + 1))
    return [" ".join(each) for each in picked]
