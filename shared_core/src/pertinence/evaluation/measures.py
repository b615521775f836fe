"""Evaluation measures, under the names that papers and model cards use; ir_measures computes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pertinence.errors import InputError, MissingExtraError

__all__ = ["DEFAULT_MEASURES", "MeasureName", "Measurer", "headline", "measurer", "parse_measures"]

MeasureName = str
DEFAULT_MEASURES: tuple[MeasureName, ...] = ("RP", "MRR@10", "nDCG@10", "MAP", "R@10")

# Our name -> the name in ir_measures, and whether the measure has a rank cutoff.
_NAMES: Mapping[str, tuple[str, bool]] = {
    "RP": ("Rprec", False),
    "MRR": ("RR", True),
    "nDCG": ("nDCG", True),
    "MAP": ("AP", False),
    "R": ("R", True),
    "P": ("P", True),
}
_FORM = re.compile(r"([A-Za-z]+)(?:@([1-9][0-9]*))?")
_HEADLINES = ("nDCG@10", "MRR@10", "MAP", "RP")

Measurer = Callable[[Mapping[str, int], Sequence[str]], tuple[float, ...]]
"""Judgements and a ranking of one query -> its measures."""


def parse_measures(names: Iterable[str]) -> tuple[MeasureName, ...]:
    """Return the names in canonical spelling, without duplicates.

    Raises:
        InputError: a name is not a measure (the message lists the existing ones), or no name is given.
    """
    parsed = dict.fromkeys(_parsed(name) for name in names)
    if not parsed:
        raise InputError("at least one measure must be named")
    return tuple(parsed)


def headline(names: Sequence[MeasureName]) -> MeasureName:
    """Return the main measure of these: the one by which reports compare systems at a glance."""
    return next((each for each in _HEADLINES if each in names), names[0])


def measurer(names: Sequence[MeasureName]) -> Measurer:
    """Return a function that computes these measures of one query, in the same order.

    The function replaces the model's scores by scores that fall by one from rank to rank. Otherwise each
    provider of ir_measures would break ties in its own way.

    Raises:
        MissingExtraError: ir_measures is not installed.
    """
    ir_measures = _ir_measures()
    asked = {name: ir_measures.parse_measure(_theirs(name)) for name in names}

    def measure(grades: Mapping[str, int], ranking: Sequence[str]) -> tuple[float, ...]:
        run = {"q": {passage: float(-rank) for rank, passage in enumerate(ranking)}}
        found = {
            each.measure: each.value
            for each in ir_measures.iter_calc(list(asked.values()), {"q": dict(grades)}, run)
        }
        return tuple(float(found[each]) for each in asked.values())

    return measure


def _parsed(name: str) -> MeasureName:
    match = _FORM.fullmatch(name)
    known = {each.casefold(): each for each in _NAMES}
    if match is None or (ours := known.get(match[1].casefold())) is None:
        spelled = {_example(each).casefold(): _example(each) for each in _NAMES}
        near = [spelled[each] for each in get_close_matches(name.casefold(), spelled, n=1)]
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"unknown measure {name!r}{hint}; there are RP, MRR@k, nDCG@k, MAP, R@k and P@k")
    if _NAMES[ours][1] != (match[2] is not None):
        raise InputError(f"measure {name!r} is written {_example(ours)!r}")
    return ours if match[2] is None else f"{ours}@{match[2]}"


def _example(ours: str) -> str:
    return f"{ours}@10" if _NAMES[ours][1] else ours


def _theirs(name: MeasureName) -> str:
    ours, _, cut = name.partition("@")
    theirs = _NAMES[ours][0]
    return f"{theirs}@{cut}" if cut else theirs


def _ir_measures() -> Any:
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtraError.of("evaluating", "evaluation") from error
    return ir_measures
