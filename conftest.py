"""The Python snippets of the Markdown pages as tests: `nox -s readme` names the pages to run."""

from __future__ import annotations

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

# Why sybil: a snippet runs in the namespace of those before it on its page, as a reader types them; a
# `>>>` in one is checked against what it prints; and it needs no library but itself.
pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"]).pytest()
