"""What every training does beside learning: its rate's way, and files from which a cut run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from recipe.averaging import Average


def schedule(step: int, steps: int) -> float:
    """Linear warm-up over the first 5%, then linear decay to a twentieth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return max(0.05, (steps - step) / (steps - warm))


def save(
    run: Path, step: int, model: torch.nn.Module, average: Average, optimizer: torch.optim.Optimizer
) -> None:
    """Write beside, then rename: a run cut in the middle of a save keeps the one before."""
    partial = run / "state.partial"
    state = {
        "step": step,
        "model": model.state_dict(),
        "average": average.state,
        "optimizer": optimizer.state_dict(),
    }
    torch.save(state, partial)
    partial.replace(run / "state.pt")


def resume(run: Path, model: torch.nn.Module, average: Average, optimizer: torch.optim.Optimizer) -> int:
    """Load what `save` wrote, where there is any; how many steps are done."""
    path = run / "state.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location=next(model.parameters()).device)
    model.load_state_dict(state["model"])
    average.state = state["average"]
    optimizer.load_state_dict(state["optimizer"])
    print(f"going on after step {state['step']}", flush=True)
    return int(state["step"])


def log(run: Path, row: dict[str, float]) -> None:
    """A line of `log.jsonl`, and now and then one to read."""
    with (run / "log.jsonl").open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")
    if row["step"] % 10 == 0:
        print(row, flush=True)
