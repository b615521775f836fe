"""`python -m benchmarks.worker`: makes one object, calls its methods as it is asked to, and answers.

Each line of standard input is a question and each of standard output its answer, both JSON; see
`benchmarks.processes`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

__all__: list[str] = []


def main() -> None:
    """Answer until the input ends."""
    # Whatever a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    made: Any = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "module" in question:
                made = import_module(question["module"]).opened(**question["arguments"])
                gc.collect()
                value: Any = None
            elif "method" in question:
                value = getattr(made, question["method"])(**question["arguments"])
            else:
                value = _peak_memory()
            answer = {"value": value}
        except Exception as error:
            first = (str(error).strip() or "no message").split("\n", 1)[0]
            answer = {"error": f"{type(error).__name__}: {first}"}
        print(json.dumps(answer), file=answers, flush=True)


def _peak_memory() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    # Not `getrusage`: on Linux a child's figure starts at what its parent held when it was started.
    found = next((row for row in status.splitlines() if row.startswith("VmHWM:")), "VmHWM: 0")
    return int(found.split()[1]) * 1024


if __name__ == "__main__":
    main()
