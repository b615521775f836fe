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


def main() -> int:
    """Exit status: 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    parser.add_argument(
        "subjects", nargs="*", choices=[[], *SUBJECTS], help="default: all; each takes minutes"
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--flag", type=Path, metavar="PYTHON", help="of an environment with FlagEmbedding")
    parser.add_argument("--long", action="store_true", help=f"one pair of 8,192 tokens through {LONG}")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    parser.add_argument("--page-only", action="store_true", help="measure nothing, write the page")
    asked = parser.parse_args()
    if not asked.page_only:
        names = [LONG] if asked.long else asked.subjects or list(SUBJECTS)
        with own_cache():
            for name in names:
                measure(SUBJECTS[name], asked.backends, asked.flag, long=asked.long, again=asked.again)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
