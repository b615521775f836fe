"""Helpers of the commands that use the gate: arguments, and judging a model against its float32 form."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from pertinence.cli.flags import flag
from pertinence.cli.progress import following
from pertinence.errors import ModelError, OptionError
from pertinence.gate import (
    Contender,
    GateReport,
    Limits,
    QuestionSet,
    Subject,
    built_in,
    judge,
    pairs_to_score,
    read_sets,
)
from pertinence.options import Options

if TYPE_CHECKING:
    from pertinence.local.serving.subprocess_scorer import SubprocessScorer

__all__ = ["add_gate_arguments", "apart", "asked_of", "judge_beside"]

_LIMITS = {
    "min_tau": "refuse a mean Kendall tau below this",
    "max_ndcg_loss": "refuse an nDCG@10 that is lower by more than this",
    "max_neighbour_effect": "refuse scores that move with their batch neighbours by more of the spread",
}


def add_gate_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the arguments for questions and limits; return their group, so that a command can add its own."""
    gate = parser.add_argument_group("the gate")
    gate.add_argument(
        "--sets",
        metavar="PATH",
        action="append",
        help="questions to judge it by: a .jsonl file of query, passages and relevant, or a folder in BEIR's "
        "form; may be given again (default: the built-in ones)",
    )
    for name, text in _LIMITS.items():
        default = getattr(Limits(), name)
        gate.add_argument(
            flag(name), metavar="X", type=float, default=default, help=f"{text} (default: {default:g})"
        )
    return gate


def asked_of(arguments: argparse.Namespace) -> tuple[Limits, list[QuestionSet]]:
    """Return the limits and the question sets; warn if `ONEDNN_MAX_CPU_ISA` is set.

    Verdicts measured with this setting also count for the same processor without it.

    Raises:
        OptionError: a limit is outside the possible range.
        InputError: a question set cannot be read.
    """
    if level := os.environ.get("ONEDNN_MAX_CPU_ISA"):
        print(
            f"ONEDNN_MAX_CPU_ISA={level}: what is measured so will count for this processor without it, too",
            file=sys.stderr,
        )
    return _limits_of(arguments), _sets_of(arguments)


def _limits_of(arguments: argparse.Namespace) -> Limits:
    try:
        return Limits(**{each.name: getattr(arguments, each.name) for each in fields(Limits)})
    except OptionError as error:
        name, _, rest = str(error).partition(" ")
        raise OptionError(f"{flag(name)} {rest}") from error


def _sets_of(arguments: argparse.Namespace) -> list[QuestionSet]:
    """Return the user's question sets, plus the built-in one if none of their questions has judgments."""
    sets = [read_sets(Path(path)) for path in arguments.sets or ()]
    if any(question.judged for each in sets for question in each.questions):
        return sets
    if sets:
        print("no question has judgements: the built-in ones are asked too", file=sys.stderr)
    return [*sets, built_in()]


@contextmanager
def apart(options: Options) -> Iterator[SubprocessScorer]:
    """Open a scorer in a process of its own: float32 and a faster form must not run in the same process.

    Raises:
        ModelError: the process died.
    """
    from pertinence.local.serving.subprocess_scorer import SubprocessScorer

    scorer = SubprocessScorer(options)
    try:
        yield scorer
    except BrokenProcessPool as error:
        if not scorer.died():
            # Another scorer's process died, and that scorer reports it.
            raise
        raise ModelError(f"{scorer.name}: the process that ran it ended") from error
    finally:
        scorer.close()


def judge_beside(
    exact: SubprocessScorer,
    candidate: Options,
    sets: Sequence[QuestionSet],
    limits: Limits,
    *,
    random_weights: bool = False,
) -> GateReport:
    """Judge `candidate` against `exact`, and return the report with the model's fingerprint.

    Both must return logits.

    Raises:
        ModelError: the GPU driver does not report exactly one kind of GPU, the processor computes in another
            precision than the candidate's (unless `random_weights`), or the candidate's process died.
    """
    from pertinence.local.files.fingerprint import fingerprint
    from pertinence.local.machine.processor import card

    where = None
    if candidate.device.startswith("cuda") and (where := card()) is None:
        raise ModelError("the driver does not tell one kind of card, so no verdict could count for it")

    done = 0

    def watch(pairs: int) -> None:
        nonlocal done
        done += pairs

    with apart(candidate) as faster:
        reference, judged = exact.spec, faster.spec
        if judged.computed.dtype != judged.dtype and not random_weights:
            raise ModelError(
                f"{judged.backend} in {judged.dtype} cannot be judged on this machine: it computes in "
                f"{judged.computed.dtype} ({judged.computed.why}); judge it on a processor that has them"
            )
        subject = Subject.here(
            # A report may be passed on to others, so it must not contain a path on the author's machine.
            Path(exact.name).name if Path(exact.name).is_dir() else exact.name,
            fingerprint(judged.folder, candidate.cache_folder),
            Contender.here(judged.backend, judged.dtype),
            Contender.here(reference.backend, reference.dtype),
            where,
        )
        with following(lambda: done, pairs_to_score(sets)):
            return judge(
                exact, faster, sets, subject, limits=limits, random_weights=random_weights, watch=watch
            )
