"""`pertinence export`: a model in another form and precision, if the gate finds that it ranks the same."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Literal

from pertinence.cli.flags import add_options, flag, options_of
from pertinence.cli.progress import following
from pertinence.errors import InputError, OptionError
from pertinence.gate import (
    Contender,
    GateReport,
    Limits,
    QuestionSet,
    Subject,
    built_in,
    calibration_pairs,
    judge,
    pairs_to_score,
    read_sets,
    write_reports,
)
from pertinence.options import Options

__all__ = ["SUMMARY", "add_arguments", "convert", "run"]

SUMMARY = "write a model in another form and precision, if it ranks as the model itself does"

_REFUSED = 1
_BACKENDS = ("onnx", "openvino")
_PRECISIONS = ("float32", "bfloat16", "int8")
_OPTIONS = ("revision", "cache_folder", "local_files_only")
_TABLE = "gate.txt"
_LIMITS = {
    "min_tau": "refuse a mean Kendall tau below this",
    "max_ndcg_loss": "refuse an nDCG@10 that is lower by more than this",
    "max_neighbour_effect": "refuse scores that move with their batch neighbours by more of the spread",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `pertinence export`."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a folder or a name on the hub (default: the embedded model)",
    )
    parser.add_argument("--to", choices=_BACKENDS, default="onnx", help="what is to run it (default: onnx)")
    parser.add_argument(
        "--dtype",
        dest="precision",
        choices=_PRECISIONS,
        default="float32",
        help="the precision it is to be computed in (default: float32)",
    )
    parser.add_argument("--output", metavar="FOLDER", required=True, help="where to; it must not exist yet")
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
    gate.add_argument(
        "--random-weights",
        action="store_true",
        help="the weights were never trained: write the folder without judging it",
    )
    add_options(parser, _OPTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Convert, judge, print the table; the folder stays only if the gate lets it pass."""
    options = options_of(arguments, backend="auto", dtype="float32", score_kind="logit")
    limits = _limits(arguments)
    sets = _sets(arguments.sets or ())
    with _beside(Path(arguments.output)) as made:
        _tell(f"converting for {arguments.to} in {arguments.precision}")
        convert(options, made, arguments.to, arguments.precision)
        _tell(f"judging by {sum(len(each.questions) for each in sets)} questions")
        report, source = _judged(options, made, arguments, sets, limits)
        print(report.table(), end="")
        written = report.passed or (report.verdict == "not judged" and arguments.random_weights)
        if written:
            _describe(made, report)
            _put(made, Path(arguments.output))
    _keep(report, source, options)
    if not written:
        _tell(f"{report.verdict}: nothing was written{_way_out(report)}")
        return _REFUSED
    _tell(f"written to {arguments.output}")
    return 0


def _limits(arguments: argparse.Namespace) -> Limits:
    try:
        return Limits(**{each.name: getattr(arguments, each.name) for each in fields(Limits)})
    except OptionError as error:
        name, _, rest = str(error).partition(" ")
        raise OptionError(f"{flag(name)} {rest}") from error


def _sets(paths: Sequence[str]) -> list[QuestionSet]:
    """The user's, and the built-in one where the user's have no judgements or there are none."""
    sets = [read_sets(Path(path)) for path in paths]
    if any(question.judged for each in sets for question in each.questions):
        return sets
    if sets:
        _tell("no question has judgements: the built-in ones are asked too")
    return [*sets, built_in()]


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """An empty folder beside `output`, which is gone at the end unless it was renamed.

    Raises:
        InputError: `output` is there already, or nothing can be written beside it.
    """
    if output.exists():
        raise InputError(f"{output} exists already")
    made = output.absolute().with_name(f".{output.name}-{secrets.token_hex(8)}")
    try:
        made.mkdir()
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put(made: Path, output: Path) -> None:
    try:
        made.rename(output)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from error


def convert(
    options: Options,
    made: Path,
    to: Literal["onnx", "openvino"],
    dtype: Literal["float32", "bfloat16", "int8"],
) -> None:
    """Fill the new folder, with texts for calibration that no gate asks."""
    from pertinence.local.folder import export_folder

    export_folder(options, made, to=to, dtype=dtype, calibration=calibration_pairs())


def _judged(
    options: Options,
    made: Path,
    arguments: argparse.Namespace,
    sets: Sequence[QuestionSet],
    limits: Limits,
) -> tuple[GateReport, Path]:
    """The report on the new folder, and the folder of the model it was made from."""
    from pertinence.local.fingerprint import fingerprint
    from pertinence.local.scorer import LocalScorer

    here = options.with_(
        model=str(made), backend=arguments.to, dtype=arguments.precision, revision=None, local_files_only=True
    )
    reference, candidate = LocalScorer(options), LocalScorer(here)
    done = 0

    def watch(pairs: int) -> None:
        nonlocal done
        done += pairs

    try:
        reference.warm_up().result()
        subject = Subject.here(
            # A report may be handed on: it says nothing of the folders of whoever made it.
            Path(reference.name).name if Path(reference.name).is_dir() else reference.name,
            fingerprint(made, options.cache_folder),
            Contender.here(arguments.to, arguments.precision),
            Contender.here(reference.spec.backend, reference.spec.dtype),
        )
        with following(lambda: done, pairs_to_score(sets)):
            report = judge(
                reference,
                candidate,
                sets,
                subject,
                limits=limits,
                random_weights=arguments.random_weights,
                watch=watch,
            )
        return report, reference.spec.folder
    finally:
        reference.close()
        candidate.close()


def _describe(made: Path, report: GateReport) -> None:
    from pertinence.local.verdicts import GATE_FILE

    write_reports(made / GATE_FILE, [report])
    (made / _TABLE).write_text(report.table(), encoding="utf-8")


def _keep(report: GateReport, source: Path, options: Options) -> None:
    """Store the verdict under the model that was converted: it may be run so without naming the folder."""
    from pertinence.local.fingerprint import fingerprint
    from pertinence.local.verdicts import store

    stored = {**report.to_dict(), "fingerprint": fingerprint(source, options.cache_folder)}
    store(stored, options.cache_folder)


def _way_out(report: GateReport) -> str:
    names = {reason.name for reason in report.reasons}
    if report.verdict == "refused":
        return f" (to let it pass: {', '.join(flag(name) for name in sorted(names))})"
    return " (to write it all the same: --random-weights)"


def _tell(text: str) -> None:
    print(f"pertinence export: {text}", file=sys.stderr)
