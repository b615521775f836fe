"""`pertinence tune`: find faster precisions that rank the same on this machine, and store the verdicts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pertinence.cli.flags import add_options, options_of
from pertinence.cli.judging import add_gate_arguments, apart, asked_of, judge_beside
from pertinence.errors import OptionError, PertinenceError
from pertinence.gate import GateReport, QuestionSet, race, write_reports
from pertinence.options import Options
from pertinence.scorer import Scorer

if TYPE_CHECKING:
    from pertinence.local.selection.choice import Backend, Dtype

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "judge a model's faster precisions on this CPU or card, and run it in the fastest that passes"

_OPTIONS = ("device", "revision", "cache_folder", "local_files_only")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pertinence tune` to the parser."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a folder or a name on the hub (default: the embedded model)",
    )
    parser.add_argument(
        "--only",
        metavar="BACKEND/DTYPE",
        action="append",
        help="judge only this form, such as openvino/bfloat16; may be given again (default: every faster one "
        "that can run here)",
    )
    parser.add_argument(
        "--ship",
        action="store_true",
        help="write the reports into the model's folder too, for those who hand it on, in the place of what "
        "is there about this kind of processor or about other weights",
    )
    add_gate_arguments(parser)
    add_options(parser, _OPTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Judge the faster forms that can run here, print the reports, and store the verdicts."""
    from pertinence.local.machine.devices import accelerator
    from pertinence.local.selection.reranker_spec import resolve
    from pertinence.local.selection.verdicts import GATE_FILE, store

    plain = options_of(arguments, backend="auto", dtype="float32", score_kind="logit")
    if plain.device == "auto":
        # Name the device explicitly: a verdict applies to one kind of processor.
        plain = plain.with_(device="cuda" if accelerator() == "cuda" else "cpu")
    limits, sets = asked_of(arguments)
    reports: list[GateReport] = []
    forms = _forms(plain, arguments.only)
    with apart(plain) as exact:
        for backend, dtype in forms:
            _tell(f"judging {backend} in {dtype}")
            try:
                report = judge_beside(exact, plain.with_(backend=backend, dtype=dtype), sets, limits)
            except PertinenceError as error:
                _tell(f"{backend} in {dtype} cannot be judged: {error}")
                continue
            print(report.table())
            store(report.to_dict(), plain.cache_folder)
            reports.append(report)
    folder = resolve(plain).folder
    if arguments.only is None and plain.device == "cpu":
        _race(plain, sets)
    if arguments.ship:
        write_reports(folder / GATE_FILE, reports)
    spec = resolve(plain.with_(dtype="auto"))
    print(f"{spec.name} runs in {spec.dtype} on {spec.backend}: {spec.why}")
    return 0


def _forms(plain: Options, only: Sequence[str] | None) -> list[tuple[Backend, Dtype]]:
    from pertinence.local.selection.reranker_spec import lower_precisions, pointless_precisions

    possible = {f"{backend}/{dtype}": (backend, dtype) for backend, dtype in lower_precisions(plain)}
    pointless = {f"{backend}/{dtype}": why for (backend, dtype), why in pointless_precisions(plain).items()}
    for name in only or ():
        if name not in possible:
            known = ", ".join(possible) or "none"
            why = f" ({pointless[name]})" if name in pointless else ""
            raise OptionError(f"--only {name} is no faster form that can run here{why}; these are: {known}")
    if only is None:
        for name, why in pointless.items():
            _tell(f"{name} is left out: {why}")
    return [form for name, form in possible.items() if only is None or name in only]


def _race(plain: Options, sets: Sequence[QuestionSet]) -> None:
    """Time float32 on every backend that can run it, and store the result for later choices of a backend."""
    from pertinence.local.selection.reranker_spec import exact_backends, resolve
    from pertinence.local.selection.speeds import store

    backends = exact_backends(plain)
    if len(backends) < 2:
        return
    _tell(f"timing float32 on {', '.join(backends)}")
    with ExitStack() as opened:
        scorers: dict[str, Scorer] = {
            backend: opened.enter_context(apart(plain.with_(backend=backend))) for backend in backends
        }
        seconds = race(scorers, sets)
    fastest = min(seconds.values())
    for backend, each in sorted(seconds.items(), key=lambda item: item[1]):
        share = each / fastest
        print(f"float32 on {backend:8}  {each * 1000:6.0f} ms a question, {share:.2f} times the fastest")
    store(resolve(plain).folder, seconds, plain.cache_folder)


def _tell(text: str) -> None:
    print(f"pertinence tune: {text}", file=sys.stderr)
