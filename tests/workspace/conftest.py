"""The folder of benchmarks is no distribution: it is found from the root of the workspace."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
