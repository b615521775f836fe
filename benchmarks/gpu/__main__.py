"""`python -m benchmarks.gpu`: throughput, latency, load, long documents, memory and drift, on one device.

Needs torch, transformers, sentence-transformers and this repository: its root, `tests` and
`shared_core/src` on PYTHONPATH. Nothing is fetched. After each figure `gpu.json` and `gpu.md` are written
to `--out`, so that a run that is cut short has told what it had.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.gpu.report import Report
from benchmarks.gpu.stages import STAGES, Bench

# Before torch is imported, which may take a while where it was never read.
_START = time.perf_counter()


def main() -> int:
    """Run the stages that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="folder of the results")
    parser.add_argument("--device", default="cuda", help="as torch names it (default: cuda)")
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--models", nargs="+", default=["camembert-base", "mminilm-L6", "gte-base"])
    parser.add_argument("--pairs", type=int, default=10_000, help="of the throughput stage")
    parser.add_argument("--repeats", type=int, default=40, help="of each query of the latency stage")
    parser.add_argument("--seconds", type=float, default=480, help="begin nothing after so many")
    parser.add_argument("--tiny", action="store_true", help="a model and figures so small that a CPU will do")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.models, arguments.pairs, arguments.repeats = ["tiny"], 24, 2
    if arguments.device.startswith("cuda"):
        import torch

        # One card for everybody: ours would otherwise take them all.
        arguments.device = "cuda:0" if arguments.device == "cuda" else arguments.device
        torch.cuda.set_device(arguments.device)
    report = Report(arguments.out)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, Path(folder), report, _START)
        for stage in arguments.stages:
            bench.run(stage)
    print(report.markdown())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
