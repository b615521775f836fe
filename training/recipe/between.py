"""Weights on the straight line between two trainings, the second begun with what the first one ended with.

    python -m recipe.between --weights runs/ranking/final runs/people/final --to runs/both

What a second training gains where it is strong and loses elsewhere, its mean with the first often has without
the loss (Wortsman et al. 2022, arXiv:2109.01903).
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from recipe.model import TOKENIZER

WEIGHTS = "model.safetensors"
# In the folder of a run.
BOTH = "both"
# What people ask is gained in the second phase, and some of what is general lost: half of either.
SHARE = 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the weights, beside the second training's settings and tokenizer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, nargs=2, required=True, help="folders that trainings wrote")
    parser.add_argument("--share", type=float, default=SHARE, help="of the second (default: %(default)s)")
    parser.add_argument("--to", type=Path, required=True, help="folder of the weights")
    args = parser.parse_args(arguments)
    first, second = (load_file(folder / WEIGHTS) for folder in args.weights)
    args.to.mkdir(parents=True, exist_ok=True)
    save_file(mean(first, second, args.share), args.to / WEIGHTS, metadata={"format": "pt"})
    # The tokenizer last: with it, a folder of weights is whole.
    for name in ("config.json", *TOKENIZER):
        shutil.copy(args.weights[1] / name, args.to)
    print(args.to)


def mean(
    first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """Every tensor so much of the way from the first to the second (share 0 to 1)."""
    return {name: torch.lerp(first[name], second[name], share) for name in second}


if __name__ == "__main__":
    main()
