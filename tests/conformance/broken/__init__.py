"""Adapters that are broken on purpose; each says which checks must catch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["caught_by"]

D = TypeVar("D", bound=type)


def caught_by(*checks: str) -> Callable[[D], D]:
    """Say of a broken adapter by which checks, less their `test_`, it must be caught."""

    def say(driver: D) -> D:
        driver.checks = checks  # type: ignore[attr-defined]
        return driver

    return say
