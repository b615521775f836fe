"""docs/adapters.md is as its command would write it, and no file of an adapter is long."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest
from tests.workspace.adapters_page.page import PAGE, ROOT, line_counts

MEASURED = ("haystack-ai", "langchain-classic", "llama-index-core", "sentence-transformers-haystack", "torch")


def test_no_file_of_an_adapter_has_two_hundred_lines() -> None:
    counts = {file: lines for files in line_counts().values() for file, lines in files.items()}
    assert {file: lines for file, lines in counts.items() if lines >= 200} == {}


def test_the_page_is_up_to_date() -> None:
    pinned = dict(
        re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    )
    for distribution in MEASURED:
        if installed(distribution) != pinned[distribution]:
            pytest.skip(f"the page was measured with {distribution} {pinned[distribution]}")
    command = [sys.executable, "-m", "tests.workspace.adapters_page", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, f"write {PAGE.name} anew with its command\n{run.stderr}"


def installed(distribution: str) -> str | None:
    """The version, without what a build adds to it."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return None
