"""From what a user types to a card: full names, short names, and the nearest names on a miss."""

from __future__ import annotations

from difflib import get_close_matches

from pertinence.cards.card import Card
from pertinence.cards.known import CARDS
from pertinence.errors import ModelNotFoundError

__all__ = ["card_named", "card_of", "full_name", "nearest"]

_BOUNDARIES = ("/", "-", "_")
_NEAR = 0.6


def card_named(name: str) -> Card | None:
    """The card of exactly this full name."""
    return next((card for card in CARDS if card.name == name), None)


def card_of(name: str) -> Card | None:
    """The card under this name, full or short, whatever its capitals; None where there is none.

    A short name is the end of exactly one name, from behind its `/`, a `-` or a `_` on.

    Raises:
        ModelNotFoundError: it is an end of several names; the message lists them.
    """
    wanted = name.lower()
    for card in CARDS:
        if wanted in (card.name.lower(), card.short_name.lower()):
            return card
    if "/" in name:
        return None
    ends = tuple(boundary + wanted for boundary in _BOUNDARIES)
    found = [card for card in CARDS if card.name.lower().endswith(ends)]
    if len(found) > 1:
        names = ", ".join(card.name for card in found)
        raise ModelNotFoundError(f"{name!r} is short for more than one model: {names}")
    return found[0] if found else None


def full_name(name: str) -> str:
    """The name on the hub that a short name stands for; any other name as it is.

    Raises:
        ModelNotFoundError: it stands for several.
    """
    card = card_of(name)
    return name if card is None else card.name


def nearest(name: str, count: int = 3) -> list[str]:
    """Names on the cards that look like this one, the likeliest first."""
    by_spelling = {spelling.lower(): card.name for card in CARDS for spelling in (card.short_name, card.name)}
    close = get_close_matches(name.lower(), by_spelling, n=2 * count, cutoff=_NEAR)
    close += [each for each in by_spelling if name.lower() in each]
    return list(dict.fromkeys(by_spelling[each] for each in close))[:count]
