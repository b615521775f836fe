"""Search for cards by full name or short name, and for similar names if there is no match."""

from __future__ import annotations

from difflib import get_close_matches

from pertinence.cards.card import Card
from pertinence.cards.known import CARDS
from pertinence.errors import ModelNotFoundError

__all__ = ["card_named", "card_of", "full_name", "nearest"]

_BOUNDARIES = ("/", "-", "_")
_NEAR = 0.6


def card_named(name: str) -> Card | None:
    """Return the card with exactly this full name; None if there is none."""
    return next((card for card in CARDS if card.name == name), None)


def card_of(name: str) -> Card | None:
    """Return the card with this full or short name, ignoring case; None if there is none.

    A short name is the end of exactly one full name, after a `/`, a `-` or a `_`.

    Raises:
        ModelNotFoundError: several full names end in it; the message lists them.
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
    """Return the full name for a short name; return any other name unchanged.

    Raises:
        ModelNotFoundError: several full names end in it.
    """
    card = card_of(name)
    return name if card is None else card.name


def nearest(name: str, count: int = 3) -> list[str]:
    """Return the full names of known models that look like this name, the most similar first."""
    by_spelling = {spelling.lower(): card.name for card in CARDS for spelling in (card.short_name, card.name)}
    close = get_close_matches(name.lower(), by_spelling, n=2 * count, cutoff=_NEAR)
    close += [each for each in by_spelling if name.lower() in each]
    return list(dict.fromkeys(by_spelling[each] for each in close))[:count]
