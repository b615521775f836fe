"""`pertinence export`: convert a model to another format and precision, if it still ranks the same."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pertinence.cli.flags import add_options, flag, options_of
from pertinence.cli.judging import add_gate_arguments, apart, asked_of, judge_beside
from pertinence.errors import InputError
from pertinence.gate import (
    GateReport,
    calibration_pairs,
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pertinence export` to the parser."""
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
    gate = add_gate_arguments(parser)
    gate.add_argument(
        "--random-weights",
        action="store_true",
        help="the weights were never trained: write the folder without judging it",
    )
    add_options(parser, _OPTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Convert and judge the model, and print the report.

    The folder is kept only if the gate passes it, or if `--random-weights` skips the judgment.
    """
    options = options_of(arguments, backend="auto", dtype="float32", score_kind="logit")
    limits, sets = asked_of(arguments)
    with _beside(Path(arguments.output)) as made:
        _tell(f"converting for {arguments.to} in {arguments.precision}")
        convert(options, made, arguments.to, arguments.precision)
        _tell(f"judging by {sum(len(each.questions) for each in sets)} questions")
        here = options.with_(
            model=str(made),
            backend=arguments.to,
            dtype=arguments.precision,
            revision=None,
            local_files_only=True,
        )
        with apart(options) as exact:
            report = judge_beside(exact, here, sets, limits, random_weights=arguments.random_weights)
        print(report.table(), end="")
        written = report.passed or (report.verdict == "not judged" and arguments.random_weights)
        if written:
            _describe(made, report)
            _put(made, Path(arguments.output))
    _keep(report, options)
    if not written:
        _tell(f"{report.verdict}: nothing was written{_way_out(report)}")
        return _REFUSED
    _tell(f"written to {arguments.output}")
    return 0


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """Create an empty temporary folder next to `output`, and delete it at the end unless it was renamed.

    Raises:
        InputError: `output` already exists, or nothing can be written next to it.
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
    """Convert the model into the new folder; calibrate with texts that no gate asks."""
    from pertinence.local.runtimes.conversion.folder import export_folder

    export_folder(options, made, to=to, dtype=dtype, calibration=calibration_pairs())


def _describe(made: Path, report: GateReport) -> None:
    from pertinence.local.selection.verdicts import GATE_FILE

    write_reports(made / GATE_FILE, [report])
    (made / _TABLE).write_text(report.table(), encoding="utf-8")


def _keep(report: GateReport, options: Options) -> None:
    """Store the verdict for the original model too: it can then run in this form without the new folder."""
    from pertinence.local.files.fingerprint import fingerprint
    from pertinence.local.selection.reranker_spec import resolve
    from pertinence.local.selection.verdicts import store

    source = fingerprint(resolve(options).folder, options.cache_folder)
    store({**report.to_dict(), "fingerprint": source}, options.cache_folder)


def _way_out(report: GateReport) -> str:
    names = {reason.name for reason in report.reasons}
    if report.verdict == "refused":
        return f" (to let it pass: {', '.join(flag(name) for name in sorted(names))})"
    return " (to write it all the same: --random-weights)"


def _tell(text: str) -> None:
    print(f"pertinence export: {text}", file=sys.stderr)
