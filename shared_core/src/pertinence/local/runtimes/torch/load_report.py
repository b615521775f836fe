"""Whether a checkpoint fits its network: transformers only logs what it had to leave random."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Misfits", "watched"]

_REPORTER = "transformers.modeling_utils"
_REPORT = "LOAD REPORT"
# A row of its report: the name of a weight, its status, perhaps in colour, and more.
_ROW = re.compile(
    r"^(\S[^|\n]*?)\s*\|\s*(?:\x1b\[[\d;]*m)*(MISSING|MISMATCH|CONVERSION)\b[^|\n]*(?:\|(.*))?", re.MULTILINE
)


class Misfits:
    """What transformers reported of the weights that it loaded.

    Attributes:
        missing: weights of the network that the checkpoint does not hold: they are random.
        mismatched: weights that it holds in another shape, each with what was said of it.
    """

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.mismatched: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Read a report in the place of the terminal; whether the record is to be logged."""
        message = record.getMessage()
        if _REPORT not in message:
            return True
        for name, status, said in _ROW.findall(message):
            if status == "MISSING":
                self.missing.append(name)
            else:
                self.mismatched.append(f"{name}: {' '.join(said.split()) or status.lower()}")
        return False


@contextmanager
def watched() -> Iterator[Misfits]:
    """What is loaded meanwhile is reported here, whatever verbosity the user gave transformers."""
    logger = logging.getLogger(_REPORTER)
    level, misfits = logger.level, Misfits()
    logger.addFilter(misfits)
    # Warnings pass, and no more: at the very level of warnings transformers tells of layers "not sharded".
    logger.setLevel(logging.WARNING - 1)
    try:
        yield misfits
    finally:
        logger.setLevel(level)
        logger.removeFilter(misfits)
