"""`python -m benchmarks.parity [SUBJECT ...]`: hold ours against the cards' libraries; docs/models.md."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks.models import own_cache
from benchmarks.parity.measure import BACKENDS, LONG, measure
from benchmarks.parity.page import PAGE, page
from benchmarks.parity.subjects import SUBJECTS
from pertinence import PertinenceError


def main() -> int:
    """Exit status: 0, or 1 where a model could not be measured."""
    asked = _parser().parse_args()
    failed = 0
    names = [LONG] if asked.long else asked.subjects or list(SUBJECTS)
    with own_cache():
        for name in [] if asked.page_only else names:
            try:
                measure(SUBJECTS[name], asked.backends, asked.flag, long=asked.long, again=asked.again)
            except PertinenceError as error:
                print(f"{name}: not measured: {error}", file=sys.stderr)
                failed = 1
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Written: {PAGE}")
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    # argparse holds the empty list against the choices, too.
    parser.add_argument(
        "subjects", nargs="*", choices=[*SUBJECTS, []], metavar="SUBJECT", help="default: all"
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--flag", type=Path, metavar="PYTHON", help="of an environment with FlagEmbedding")
    parser.add_argument("--long", action="store_true", help=f"one pair of 8,192 tokens through {LONG}")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    parser.add_argument("--page-only", action="store_true", help="measure nothing, write the page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
