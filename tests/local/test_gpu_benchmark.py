"""The benchmark of accelerators runs from end to end, on a CPU and with a model that is hardly one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_stage_leaves_its_figures(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    paths = (ROOT, ROOT / "tests", ROOT / "shared_core" / "src")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--device", "cpu", "--out", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        check=True,
        timeout=170,
        stdout=subprocess.DEVNULL,
    )
    found = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert list(found["stages"]) == ["machine", "throughput", "latency", "callers", "long"]
    assert not found["notes"]
    by_name = {row["who"]: row for row in found["stages"]["throughput"]}
    assert by_name["ours float32"]["drift"] < 1e-4
    assert all(row["pairs_per_second"] > 0 for row in by_name.values())
    assert "| tiny | st fastest |" in (tmp_path / "gpu.md").read_text(encoding="utf-8")
