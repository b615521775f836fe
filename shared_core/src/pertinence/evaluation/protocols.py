"""Evaluation protocols by name: the data, candidates and measures behind the figures on model cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from pertinence.cards import PROTOCOLS as ON_CARDS
from pertinence.cards import card_of
from pertinence.errors import ModelNotFoundError, OptionError
from pertinence.evaluation.collection import Collection
from pertinence.evaluation.hub import nano_beir, small_dev_negatives
from pertinence.evaluation.irds import open_dataset
from pertinence.evaluation.tasks import Plan

__all__ = ["PROTOCOLS", "Protocol", "protocol_named", "published"]

_MMARCO = "mmarco/v2/fr/dev/small"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Evaluation procedure that the publishers of some models used.

    Attributes:
        name: name by which users select it.
        plan: candidates that are ranked, and measures that are computed.
        sets: functions that open each collection (they take the hub's cache folder), by the collection's name
            on model cards.
    """

    name: str
    plan: Plan
    sets: Mapping[str, Callable[[str | None], Collection]]

    @property
    def about(self) -> str:
        """Description of the protocol in one sentence."""
        return ON_CARDS[self.name].about

    @property
    def comparable_only(self) -> bool:
        """True if the model cards give too few details to repeat the protocol exactly."""
        return ON_CARDS[self.name].comparable_only


def _mmarco_small_dev(cache_folder: str | None) -> Collection:
    return open_dataset(_MMARCO, shown="mmarco-fr", run=small_dev_negatives(cache_folder))


def _mmarco_bm25(cache_folder: str | None) -> Collection:
    return open_dataset(_MMARCO, shown="mmarco-fr")


PROTOCOLS: Mapping[str, Protocol] = {
    each.name: each
    for each in (
        Protocol(
            name="mmarco-fr-small-dev",
            plan=Plan(
                top=None,
                always_positives=True,
                binary=True,
                measures=("MRR@10", "R@10", "R@100", "R@500"),
            ),
            sets={"mmarco-fr": _mmarco_small_dev},
        ),
        Protocol(
            name="mmarco-fr-500",
            plan=Plan(
                top=None,
                always_positives=True,
                most_negatives=200,
                binary=True,
                queries=500,
                seed=42,
                measures=("RP", "MRR@10", "R@10", "R@20", "R@50", "R@100"),
            ),
            sets={"mmarco-fr": _mmarco_bm25},
        ),
        Protocol(
            name="nanobeir-r100",
            plan=Plan(
                top=100,
                always_positives=True,
                binary=True,
                without_positives=True,
                measures=("MAP", "MRR@10", "nDCG@10"),
            ),
            sets={name: partial(nano_beir, name) for name in ("NanoMSMARCO", "NanoNFCorpus", "NanoNQ")},
        ),
    )
}


def protocol_named(name: str) -> Protocol:
    """Return the protocol with this name.

    Raises:
        OptionError: there is none; the message suggests the nearest name and lists all.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    near = get_close_matches(name, PROTOCOLS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise OptionError(f"unknown protocol {name!r}{hint}; there are {', '.join(PROTOCOLS)}")


def published(model: str, protocol: str, dataset: str) -> Mapping[str, float] | None:
    """Return the figures that the model's card reports for this data set; None if there are none.

    The data set `mean` stands for the mean over all data sets of a protocol.
    """
    try:
        card = card_of(model)
    except ModelNotFoundError:  # the name is short for several models
        return None
    return None if card is None else card.figures(protocol).get(dataset)
