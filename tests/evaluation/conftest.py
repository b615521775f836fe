"""A collection of five queries over eight passages, as most tests of this folder need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pertinence.evaluation import Collection, open_folder
from support.evaluation import write_beir

PASSAGES = {
    f"p{n}": f"passage {n} about {word}"
    for n, word in enumerate(("bread", "trains", "snow", "roses", "water", "lamps", "bicycles", "cheese"))
}
QUERIES = {
    f"q{n}": f"what about {word}" for n, word in enumerate(("bread", "trains", "snow", "roses", "sand"))
}
QRELS = {
    "q0": {"p0": 1, "p7": 2},
    "q1": {"p1": 1},
    "q2": {"p2": 1, "p4": 0},
    "q3": {"p3": 1, "p6": 1},
    "q4": {"p5": 0},
}
RUN = {
    "q0": ["p1", "p0", "p7", "p3"],
    "q1": ["p1", "p2", "p3", "p4"],
    "q2": ["p5", "p6", "p7", "p0"],
    "q3": ["p6", "p0", "p3", "p1"],
    "q4": ["p5", "p6", "p7", "p0"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As a folder in BEIR's form; the relevant passage of q2 is not in the run, and q4 has none."""
    return write_beir(tmp_path / "small", passages=PASSAGES, queries=QUERIES, qrels=QRELS, run=RUN)


@pytest.fixture
def collection(folder: Path) -> Collection:
    """The same, opened."""
    return open_folder(folder)
