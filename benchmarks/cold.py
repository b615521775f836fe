"""Fresh processes: what an import costs and drags in, and the first answer of the embedded default."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.machine import cores, facts, watched
from benchmarks.report import Report, Table, Target
from benchmarks.texts import plain_passages

__all__ = ["measure"]

ROUNDS = 7
PASSAGES = 20
WORDS = 80
QUERY = "Quand faut-il remuer le compost ?"
HEAVY = ("torch", "transformers", "sentence_transformers", "openvino", "onnxruntime")
IMPORT_SECONDS = 0.1
ANSWER_SECONDS = 2.0

# The clock stands still while the passages are read: they are the measurement's, not the user's.
SCRIPT = """
import sys, time
start = time.perf_counter()
import pertinence
imported = time.perf_counter() - start
after_import = set(sys.modules)
from pertinence import Reranker
named = time.perf_counter() - start
import json
query, passages = json.load(sys.stdin)
start = time.perf_counter() - named
ranking = Reranker().rank(query, passages)
answered = time.perf_counter() - start
print(json.dumps({
    "import": imported, "import_reranker": named, "answer": answered, "ranked": len(ranking),
    "heavy_after_import": [name for name in sys.argv[1:] if name in after_import],
    "heavy_after_answer": [name for name in sys.argv[1:] if name in sys.modules],
}))
"""
WHAT = {
    "import": "`import pertinence`",
    "import_reranker": "+ `from pertinence import Reranker`",
    "answer": f"+ `Reranker().rank(query, {PASSAGES} passages)`",
    "process": "the whole process, interpreter and exit included",
}


def measure(asked: argparse.Namespace) -> Report:
    """As many fresh processes as rounds, one after the other."""
    rounds = asked.rounds or ROUNDS
    question = json.dumps([QUERY, plain_passages(PASSAGES, WORDS)])
    _fresh(question)  # Writes bytecode and brings the files into memory.
    with watched() as use:
        runs = [_fresh(question) for _ in range(rounds)]
    median = {name: statistics.median(run[name] for run in runs) for name in WHAT}
    return Report(
        name="cold",
        tables=[
            Table(
                title=f"A fresh process, the embedded default, {PASSAGES} French passages of {WORDS} words",
                columns=("from the start of the script until after", "median ms", "fastest to slowest"),
                rows=[_row(name, [run[name] for run in runs]) for name in WHAT],
            )
        ],
        targets=[
            _in_time("`import pertinence`", median["import"], IMPORT_SECONDS),
            _light("runtimes that `import pertinence` loads", runs[0]["heavy_after_import"]),
            _in_time(
                f"import, load and first answer for {PASSAGES} passages", median["answer"], ANSWER_SECONDS
            ),
        ],
        notes=[
            f"Median of {rounds} processes after one that is not counted: bytecode is "
            "written, files are in memory.",
            f"Runtimes looked for: {', '.join(HEAVY)}; the answer loads "
            f"{', '.join(runs[0]['heavy_after_answer'])}.",
            f"Threads: onnxruntime {cores()}, tokenizers up to {cores()}.",
            use.told,
        ],
        figures={"machine": facts(), "runs": runs, "taken_by_others": use.by_others},
    )


def _fresh(question: str) -> dict[str, Any]:
    start = time.perf_counter()
    command = [sys.executable, "-c", SCRIPT, *HEAVY]
    done = subprocess.run(command, input=question, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    took = time.perf_counter() - start
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer["ranked"] != PASSAGES:
        raise AssertionError(f"{answer['ranked']} of {PASSAGES} passages came back")
    return {**answer, "process": took}


def _row(name: str, seconds: list[float]) -> list[str]:
    digits = 1 if name.startswith("import") else 0
    low, middle, high = (each * 1000 for each in (min(seconds), statistics.median(seconds), max(seconds)))
    return [WHAT[name], f"{middle:,.{digits}f}", f"{low:,.{digits}f} to {high:,.{digits}f}"]


def _in_time(what: str, seconds: float, most: float) -> Target:
    return Target(
        what=what, wanted=f"< {most * 1000:.0f} ms", got=f"{seconds * 1000:.0f} ms", met=seconds < most
    )


def _light(what: str, loaded: list[str]) -> Target:
    return Target(what=what, wanted="none", got=", ".join(loaded) or "none", met=not loaded)
