"""A process that scores in several forms, and prints what came out as JSON: natively and in emulation.

Usage: python scoring.py CPUINFO JOBS, where CPUINFO is a file such as /proc/cpuinfo and JOBS is JSON: a list
of objects with `model`, `backend` and `dtype`.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from pertinence import Reranker
from pertinence.local.machine import processor
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options

QUERY = "Combien d'habitants compte la ville de Lyon ?"
TEXTS = [
    "Lyon est connue pour sa gastronomie.",
    "La ville de Lyon compte 520 774 habitants.",
    "Le moulin appartient à la commune depuis 1924, et le pont aussi.",
    "The mill was built in 1820 of local stone.",
]


class Warnings(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def score(job: dict[str, Any], warnings: Warnings) -> dict[str, Any]:
    """Logits together and of the first text alone, the precision computed in, and what was warned of."""
    warnings.lines.clear()
    with Reranker(**job, device="cpu", score_kind="logit") as reranker:
        together = reranker.score(QUERY, TEXTS).tolist()
        ranking = reranker.rank(QUERY, TEXTS[:1])
    return {
        "together": together,
        "alone": ranking.scores[0],
        "dtype": ranking.dtype,
        "warnings": list(warnings.lines),
    }


def main() -> None:
    """Score every job."""
    # The system describes the real processor, in emulation too.
    described, first_core = Path(sys.argv[1]), processor._first_core
    processor._first_core = lambda file: first_core(described)
    logging.getLogger("pertinence").addHandler(warnings := Warnings())
    jobs = json.loads(sys.argv[2])
    spec = resolve(Options(dtype="float32", device="cpu"))
    print(
        json.dumps(
            {
                "instructions": processor.processor().instructions,
                "automatic": spec.backend,
                "jobs": [score(job, warnings) for job in jobs],
            }
        )
    )


if __name__ == "__main__":
    main()
