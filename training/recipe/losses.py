"""What a table of scores is told by a table of targets; both of shape (questions, passages)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import log_softmax, softplus

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def listwise(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the softmax over a question's passages (ListNet: Cao et al. 2007)."""
    return -(target * log_softmax(scores, dim=1)).sum(dim=1).mean()


def pairwise(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Logistic loss of every two passages of unlike target (RankNet: Burges et al. 2005)."""
    ahead = (target[:, :, None] - target[:, None, :]).clamp(min=0)
    losses = softplus(scores[:, None, :] - scores[:, :, None])
    return (ahead * losses).sum() / ahead.sum().clamp(min=1e-9)


LOSSES: dict[str, Loss] = {"listwise": listwise, "pairwise": pairwise}
