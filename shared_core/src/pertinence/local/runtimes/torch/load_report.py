"""Check that a checkpoint fits its network, from the report that transformers logs.

transformers only logs which weights it had to initialize randomly.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Misfits", "watched"]

_REPORTER = "transformers.modeling_utils"
_REPORT = "LOAD REPORT"
# Row of the report: the name of a weight, its status (possibly in color), and details.
_ROW = re.compile(
    r"^(\S[^|\n]*?)\s*\|\s*(?:\x1b\[[\d;]*m)*(MISSING|MISMATCH|CONVERSION)\b[^|\n]*(?:\|(.*))?", re.MULTILINE
)


class Misfits:
    """Weights that do not fit, as transformers reported them.

    Attributes:
        missing: weights of the network that the checkpoint lacks; they are initialized randomly.
        mismatched: weights that the checkpoint holds in another shape, or that failed to convert, each with
            the reported details.
    """

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.mismatched: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Parse a load report and keep it from being logged; return True for any other record."""
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
    """Collect the load reports of models that are loaded in this context.

    The reports are collected whatever verbosity the user set for transformers.
    """
    logger = logging.getLogger(_REPORTER)
    level, misfits = logger.level, Misfits()
    logger.addFilter(misfits)
    # Let warnings pass, but nothing below. The level is not exactly WARNING, because transformers would
    # then also report layers as "not sharded".
    logger.setLevel(logging.WARNING - 1)
    try:
        yield misfits
    finally:
        logger.setLevel(level)
        logger.removeFilter(misfits)
