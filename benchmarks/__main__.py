"""`python -m benchmarks [TABLE ...]`: measure, print the tables, save what was measured."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

# Before any library is imported that looks at them: benchmarks talk to no hub and to no telemetry.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")

from benchmarks.docs import PAGE, write_docs
from benchmarks.machine import BusyError, wait_until_quiet
from benchmarks.report import Report

TABLES = {
    "size": "what each part of a plain install takes on disk",
    "cold": "import, and the first answer of a fresh process",
    "overhead": "what each framework's adapter adds to Reranker.rank",
    "remote": "the remote engine over a bare httpx2 loop, and what it leaves behind",
    "frameworks": "each framework's adapter against Reranker.rank, with a real model",
    "load": "many callers at once: throughput, waiting, fairness, memory",
    "growth": "how cost grows with documents and with their length",
    "speed": "every backend and precision of ours against what the frameworks run today",
    "quality": "nDCG@10 against speed, with trained weights, and its plot",
}
UNTIMED = ("size",)
RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0; 1 if a target was missed; 2 if the machine is too busy to measure anything."""
    asked = _parser().parse_args(arguments)
    met = True
    for name in asked.tables or TABLES:
        try:
            if name not in UNTIMED and not asked.anyway:
                wait_until_quiet(asked.patience * 60)
            report: Report = import_module(f"benchmarks.{name}").measure(asked)
        except BusyError as busy:
            print(f"{name}: not measured: {busy}", file=sys.stderr)
            return 2
        print(report.text(), flush=True)
        print(f"Saved: {report.save(asked.save)}\n", flush=True)
        if asked.write_docs:
            write_docs(report, sys.argv[1:] if arguments is None else arguments, name=asked.block)
        met = met and all(target.met for target in report.targets)
    return 0 if met else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="\n".join(f"{name:10}{what}" for name, what in TABLES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Not `choices`: until Python 3.12 argparse holds the empty list against them too.
    parser.add_argument("tables", nargs="*", metavar="TABLE", type=_table, help="default: all of these")
    parser.add_argument("--anyway", action="store_true", help="measure though the machine is busy")
    parser.add_argument("--patience", type=float, default=0, metavar="MINUTES", help="wait so long for quiet")
    parser.add_argument("--write-docs", action="store_true", help=f"put the tables into {PAGE.name} too")
    parser.add_argument("--block", metavar="NAME", help="with --write-docs: into this block of the page")
    parser.add_argument("--save", type=Path, default=RESULTS, help="folder for the figures as JSON")
    parser.add_argument("--rounds", type=int, help="rounds of a timing, where the default is not wanted")
    parser.add_argument("--models", nargs="+", help="speed: shapes of tests/support/models.py, or `default`")
    parser.add_argument("--documents", type=int, nargs="+", help="growth: numbers of documents")
    parser.add_argument("--questions", type=int, help="quality: of PIAF's dev part")
    parser.add_argument("--site-packages", type=Path, help="size: look here instead of installing afresh")
    return parser


def _table(name: str) -> str:
    if name not in TABLES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(TABLES)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
