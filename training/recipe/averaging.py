"""The average of the weights over the last steps: the same model, less the last batches' noise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """An exponential moving average of every parameter.

    Attributes:
        state: parameter -> its average, empty before the first step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.state: dict[str, torch.Tensor] = {}
        self._decay = decay

    @torch.no_grad()
    def add(self, model: nn.Module, step: int) -> None:
        """Count the weights after a step; the first steps weigh less of the past, which is untrained."""
        decay = min(self._decay, step / (step + 10))
        for name, value in model.named_parameters():
            if name in self.state:
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name] = value.detach().clone()

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Inside, the model has the averaged weights."""
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        model.load_state_dict(self.state, strict=False)
        try:
            yield
        finally:
            model.load_state_dict(before, strict=False)
