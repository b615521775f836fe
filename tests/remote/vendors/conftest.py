"""What every vendor's client is asked, and how its answer is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest
from remote.servers.scoring import Score, order, probability

KEY = "sk-vendor-0123456789"
QUERY = "when does the last train leave"
TEXTS = ["bread needs an hour", "the last train leaves at ten", "when the train is late we leave"]


@pytest.fixture
def vendor() -> Callable[[str], ModuleType]:
    """The client of a vendor; skips where it is not installed."""

    def find(name: str) -> ModuleType:
        if find_spec(name.partition(".")[0]) is None:
            pytest.skip(f"{name} is not installed: `nox -s vendors` has an environment with it")
        return import_module(name)

    return find


@pytest.fixture
def ranked() -> Callable[..., None]:
    """`ranked(pairs)`: index and score of every text, best first, as the plain function scores them."""

    def check(pairs: Iterable[tuple[int, float]], score: Score = probability, top: int | None = None) -> None:
        found = list(pairs)
        expected = order(QUERY, TEXTS, score)[:top]
        assert [index for index, _ in found] == [index for index, _ in expected]
        assert [value for _, value in found] == pytest.approx([value for _, value in expected])

    return check
