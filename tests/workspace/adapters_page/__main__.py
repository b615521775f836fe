"""Measure, and write docs/adapters.md; with `--check`, only say whether it is as it would be written."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' own support
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from tests.workspace.adapters_page.contenders import contenders
from tests.workspace.adapters_page.measured import measured
from tests.workspace.adapters_page.page import PAGE, page

from support.models import build


def written() -> str:
    """The page as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        model = build("tiny", Path(folder) / "tiny")
        return page([(one, measured(one)) for one in contenders(model)])


def main() -> int:
    """The exit status: 1 if the page was to be checked and is out of date."""
    text = written()
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text("utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
