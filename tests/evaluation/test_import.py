"""The room loads nothing that a base install lacks, and nothing that takes long, before it is needed."""

from __future__ import annotations

import subprocess
import sys

LATE = ("ir_measures", "ir_datasets", "bm25s", "pyarrow", "torch", "transformers", "sentence_transformers")


def test_importing_evaluation_loads_none_of_its_libraries() -> None:
    script = f"import sys, pertinence.evaluation; print([each for each in {LATE!r} if each in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert answer.stdout.strip() == "[]"


def test_other_commands_do_not_load_evaluation() -> None:
    script = "import sys, pertinence.cli; print('pertinence.evaluation' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert answer.stdout.strip() == "False"
