"""A step shared by processes of one thread each.

On two cores two such processes learn a fifth more in the same time than one process of two threads: much of
what lies between the matrix products runs in one thread.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as distributed
import torch.multiprocessing as multiprocessing

Item = TypeVar("Item")


@dataclass(frozen=True)
class Worker:
    """One of `count` processes that learn the same weights."""

    number: int
    count: int

    @property
    def is_first(self) -> bool:
        """Whether this one writes the files."""
        return self.number == 0

    def part(self, items: Sequence[Item], work: Callable[[Item], int] = lambda item: 1) -> list[Item]:
        """This worker's share: as many items as every other's, and about as much work.

        Args:
            items: what a step asks of all workers.
            work: how long an item takes, in any unit. Who is done first waits for the others.
        """
        rounds = sorted(range(len(items)), key=lambda place: -work(items[place]))
        # Dealt forth and back, so that nobody is first in every round.
        back = 2 * self.count - 1
        return [
            items[place]
            for dealt, place in enumerate(rounds)
            if self.number in (dealt % (2 * self.count), back - dealt % (2 * self.count))
        ]

    def average_gradients(self, model: torch.nn.Module) -> None:
        """Give every worker the mean of all workers' gradients."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.view(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def gathered(self, found: dict[str, Any]) -> dict[str, Any]:
        """What all workers have found, together."""
        if self.count == 1:
            return found
        parts: list[Any] = [None] * self.count
        distributed.all_gather_object(parts, found)
        return {key: value for part in parts for key, value in part.items()}


def run_workers(work: Callable[[Worker, Any], None], args: Any, count: int) -> None:
    """Run `work(worker, args)` in every one of `count` processes; in this one, where one is asked for."""
    if count == 1:
        work(Worker(0, 1), args)
        return
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_begin, (count, Path(folder) / "met", work, args), nprocs=count)


def _begin(number: int, count: int, met: Path, work: Callable[[Worker, Any], None], args: Any) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{met}", rank=number, world_size=count)
    try:
        work(Worker(number, count), args)
    finally:
        distributed.destroy_process_group()
