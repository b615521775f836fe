"""Cells that are measured: each is a check of the conformance suites, run on the component."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.workspace.adapters_page.contenders import Contender

from pertinence.testing.suites.answers import AnswersConformance
from pertinence.testing.suites.faked import FakedConformance

__all__ = ["ROWS", "measured"]

Cell = Callable[[Contender], str]


def check(name: str, *, suite: type[Any] = AnswersConformance, all_options: bool = True) -> Cell:
    """Whether the component passes `test_<name>`, with all of the check's parameters."""

    def cell(contender: Contender) -> str:
        options = dict(contender.options)
        if not all_options:
            options.pop("top_k", None)
        running = _suite(contender, options)
        function = getattr(suite, f"test_{name}")
        marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        if not marks:
            return _holds(lambda: function(running)) or "no"
        (names, values), labels = marks[0].args, marks[0].kwargs.get("ids")
        failed = [
            str(label)
            for label, value in zip(labels or values, values, strict=True)
            if not _holds(lambda given=value: function(running, **{names: given}))
        ]
        if not failed:
            return "yes"
        return "no" if len(failed) == len(list(values)) else f"no: {', '.join(failed)}"

    return cell


def written_out(contender: Contender) -> str:
    """Whether the component can be written as JSON, read back, and answers as before."""

    def written() -> None:
        suite = _suite(contender, contender.options)
        component = suite.make()
        again = contender.driver.load(json.loads(json.dumps(contender.driver.dump(component))))
        suite.assert_same(suite.ask(again), suite.ask(component))

    return _holds(written) or "no"


def shown(contender: Contender) -> str:
    """Whether a run shows as a step of its own in traces."""
    if contender.told is None:
        return "by the pipeline"
    suite = _suite(contender, contender.options)
    return contender.told(suite.make(), suite.documents())


ROWS: dict[str, Cell] = {
    "ids, texts and metadata come back as they were": check("ids_texts_and_metadata_come_back"),
    "every document comes with a score, a Python float": check("scores_are_python_floats"),
    "the caller's documents stay untouched": check("the_callers_documents_are_untouched"),
    "who writes to an answer does not write to them either": check("an_answer_may_be_written_to"),
    "all are kept unless a number is asked for": check("all_are_kept_by_default", all_options=False),
    "a threshold on the score": check("a_threshold_keeps_what_reaches_it"),
    "no documents are no error": check("no_documents_are_no_answer_and_no_error"),
    "odd texts get a score: empty, huge, a lone surrogate": check(
        "an_odd_text_gets_a_score_and_comes_back_as_it_was"
    ),
    "async waits without a thread": check("waiting_holds_no_thread"),
    "eight threads share one instance": check("eight_threads_get_the_answers_of_one"),
    "copies and pickles answer alike": check("a_copy_of_a_used_component_gives_the_same_answer"),
    "the model can be given back, and is loaded anew": check("a_closed_component_may_be_used_again"),
    "a mistyped option is refused by name": check(
        "an_unknown_option_is_refused_by_name", suite=FakedConformance
    ),
    "written as JSON and read back": written_out,
    "a step of its own in traces": shown,
}


def measured(contender: Contender) -> dict[str, str]:
    """The cell of every row."""
    with contender.running(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of components that are asked for what they cannot
        return {label: cell(contender) for label, cell in ROWS.items()}


def _suite(contender: Contender, options: Mapping[str, Any]) -> AnswersConformance:
    suite = type("Running", (AnswersConformance,), {"driver": contender.driver, "options": options})
    made: AnswersConformance = suite()
    return made


def _holds(function: Callable[[], Any]) -> str:
    try:
        function()
    except (Exception, pytest.fail.Exception):
        return ""
    return "yes"
