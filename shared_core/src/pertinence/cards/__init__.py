"""Model cards as data: facts, published figures and names of each known model (pure)."""

from __future__ import annotations

from pertinence.cards.card import PROTOCOLS, Card, Protocol, Published, Scale, Task, Way
from pertinence.cards.known import CARDS
from pertinence.cards.names import card_named, card_of, full_name, nearest

__all__ = [
    "CARDS",
    "PROTOCOLS",
    "Card",
    "Protocol",
    "Published",
    "Scale",
    "Task",
    "Way",
    "card_named",
    "card_of",
    "full_name",
    "nearest",
]
