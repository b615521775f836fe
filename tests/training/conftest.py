"""The recipe of the embedded default stands beside the packages and is no part of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TRAINING = Path(__file__).parents[2] / "training"
sys.path.insert(0, str(TRAINING))

for library in ("torch", "transformers", "sklearn"):
    pytest.importorskip(library)


@pytest.fixture
def data() -> Path:
    """The folder of the retrieval data."""
    folder = os.environ.get("PERTINENCE_DATA")
    if not folder:
        pytest.skip("PERTINENCE_DATA is not set")
    return Path(folder)
