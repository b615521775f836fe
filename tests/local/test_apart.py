"""A model in a process of its own scores as it does here, and its end is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pertinence.cli.judging import apart
from pertinence.errors import ModelError, ModelNotFoundError
from pertinence.local.serving.scorer import LocalScorer
from pertinence.options import Options
from support.texts import QUERY, passages

TEXTS = passages(12)


def test_scores_and_facts_are_those_of_the_same_model_here(model_folder: Callable[[str], Path]) -> None:
    options = Options(model=str(model_folder("tiny")), backend="onnx", dtype="float32", score_kind="logit")
    here = LocalScorer(options)
    due = here.submit(QUERY, TEXTS).result()
    with apart(options) as scorer:
        found = scorer.submit(QUERY, TEXTS).result()
        assert (scorer.name, scorer.spec) == (here.name, here.spec)
    np.testing.assert_array_equal(found.values, due.values)
    assert (found.kind, found.truncated) == (due.kind, due.truncated)
    here.close()


def test_what_goes_wrong_there_is_told_here(tmp_path: Path) -> None:
    with apart(Options(model=str(tmp_path / "none"))) as scorer, pytest.raises(ModelNotFoundError):
        scorer.warm_up().result()


def test_a_process_that_dies_is_an_error_of_the_model_that_it_ran(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    other = shutil.copytree(model_folder("tiny"), tmp_path / "other")
    first, second = (Options(model=str(folder), backend="onnx") for folder in (model_folder("tiny"), other))

    def die_and_ask() -> None:
        with apart(first) as dying, apart(second) as going_on:
            for scorer in (dying, going_on):
                scorer.warm_up().result()
            # As where a system runs out of memory.
            (process,) = dying._pool._processes.values()
            process.kill()
            going_on.submit(QUERY, TEXTS).result()
            dying.submit(QUERY, TEXTS).result()

    with pytest.raises(ModelError, match="tiny: the process that ran it ended"):
        die_and_ask()
