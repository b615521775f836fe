"""Limits for a candidate, and the verdict on its figures (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pertinence.errors import OptionError
from pertinence.gate.measuring import Figures

__all__ = ["VERDICTS", "Limits", "Reason", "VerdictName", "decide"]

VerdictName = Literal["passed", "refused", "not judged"]
VERDICTS: tuple[VerdictName, ...] = ("passed", "refused", "not judged")
# A model counts as one that ranks if at most one in a thousand random orders does as well.
_CHANCE = 0.001


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits that a candidate must meet.

    Attributes:
        min_tau: lowest accepted mean Kendall tau.
        max_ndcg_loss: largest accepted loss of mean nDCG@10 against the reference.
        max_neighbour_effect: largest accepted change of a logit with its batch neighbors, in units of the
            spread.

    Raises:
        OptionError: a value is not a number, or is outside the range of its figure.
    """

    min_tau: float = 0.98
    max_ndcg_loss: float = 0.002
    max_neighbour_effect: float = 0.01

    def __post_init__(self) -> None:
        for name, least, most in (
            ("min_tau", -1, 1),
            ("max_ndcg_loss", 0, 1),
            ("max_neighbour_effect", 0, math.inf),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise OptionError(f"{name} must be a number from {least} to {most}, got {value!r}")
            object.__setattr__(self, name, float(value))

    @property
    def lowered(self) -> tuple[str, ...]:
        """Names of the limits that are less strict than the defaults."""
        own = Limits()
        laxer = {
            "min_tau": self.min_tau < own.min_tau,
            "max_ndcg_loss": self.max_ndcg_loss > own.max_ndcg_loss,
            "max_neighbour_effect": self.max_neighbour_effect > own.max_neighbour_effect,
        }
        return tuple(name for name, so in laxer.items() if so)


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Reason for a verdict other than `passed`.

    Attributes:
        name: the limit that was missed (`min_tau`, `max_ndcg_loss`, `max_neighbour_effect`), or the reason
            why nothing was judged (`random_weights`, `no_spread`, `no_judgements`, `chance`).
        text: the reason as a sentence, with the figures.
    """

    name: str
    text: str


def decide(
    figures: Figures, limits: Limits, *, random_weights: bool = False
) -> tuple[VerdictName, tuple[Reason, ...]]:
    """Return the verdict on the figures, and the reasons why it is not `passed`.

    The verdict is `not judged` if nothing shows that the reference ranks. Scores that hardly differ swap
    their order by rounding alone, and how often they do so says nothing about a trained model.

    Args:
        figures: measured figures.
        limits: limits to compare them with.
        random_weights: True if the user says that the weights were never trained.
    """
    if unjudged := tuple(_not_judged(figures, random_weights)):
        return "not judged", unjudged
    if refused := tuple(_refused(figures, limits)):
        return "refused", refused
    return "passed", ()


def _not_judged(figures: Figures, random_weights: bool) -> Iterator[Reason]:
    if random_weights:
        yield Reason(name="random_weights", text="the weights were said to be random")
    if not figures.spread:
        yield Reason(name="no_spread", text="the reference gives the passages of a question one score")
    elif figures.chance is None:
        yield Reason(
            name="no_judgements",
            text="no question has judgements, so nothing shows that the weights are trained",
        )
    elif figures.chance > _CHANCE:
        yield Reason(
            name="chance",
            text=f"the reference's nDCG@10 of {figures.ndcg_reference:.3f} is no better than chance: "
            f"{figures.chance:.2%} of random orders reach it over {figures.judged} judged questions",
        )


def _refused(figures: Figures, limits: Limits) -> Iterator[Reason]:
    tau, loss, effect = figures.tau, figures.ndcg_loss, figures.neighbour_effect
    if tau is not None and tau < limits.min_tau:
        yield Reason(name="min_tau", text=f"mean Kendall tau {tau:.4f} is below {limits.min_tau:g}")
    if loss is not None and loss > limits.max_ndcg_loss:
        yield Reason(
            name="max_ndcg_loss", text=f"nDCG@10 falls by {loss:.4f}, more than {limits.max_ndcg_loss:g}"
        )
    if effect is not None and effect > limits.max_neighbour_effect:
        yield Reason(
            name="max_neighbour_effect",
            text=f"a score moves with its batch neighbours by {effect:.4f} of the spread, "
            f"more than {limits.max_neighbour_effect:g}",
        )
