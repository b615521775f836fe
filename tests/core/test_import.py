"""Importing the package loads no runtime: each waits for the model that needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

RUNTIMES = ("torch", "transformers", "sentence_transformers", "openvino", "onnxruntime")

SCRIPT = """
import json, sys
{statement}
print(json.dumps([name for name in {runtimes!r} if name in sys.modules]))
"""


def loaded_after(statement: str) -> list[str]:
    script = SCRIPT.format(statement=statement, runtimes=RUNTIMES)
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert answer.returncode == 0, answer.stderr
    return list(json.loads(answer.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    [
        "import pertinence",
        "from pertinence import Reranker; Reranker()",
        "from pertinence.integration import Handle, Options; Handle().reranker(Options())",
        "from pertinence import Embedder; Embedder('some/model')",
        "from pertinence import Reranker; assert len(Reranker().rank('a question', [])) == 0",
    ],
)
def test_no_runtime_is_loaded_before_there_is_something_to_score(statement: str) -> None:
    assert loaded_after(statement) == []


def test_the_embedded_default_never_needs_torch() -> None:
    for backend in ("onnx", "auto"):
        made = f"Reranker(backend={backend!r})"
        (loaded,) = loaded_after(f"from pertinence import Reranker; {made}.rank('question', ['answer'])")
        assert loaded == "onnxruntime" if backend == "onnx" else loaded in ("onnxruntime", "openvino")


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    import pertinence

    with pytest.raises(AttributeError, match="Reranked"):
        pertinence.Reranked  # noqa: B018
    assert set(pertinence.__all__) <= set(dir(pertinence))
