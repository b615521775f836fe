"""Somebody else's adapter, written from `docs/testing.md` alone: its snippets are a test file, unchanged."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_adapter_of_the_page_passes_the_suites(tmp_path: Path) -> None:
    adapter, driver, *_ = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    (tmp_path / "test_search.py").write_text(f"{adapter}\n{driver}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_search.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stdout
    assert re.search(r"\d{2,} passed", run.stdout)


def test_the_page_names_every_suite() -> None:
    from pertinence.testing import conformance

    for suite in conformance.__all__:
        assert f"`{suite}`" in PAGE.read_text("utf-8")
