"""Whose texts are tokenised next, a chunk at a time (pure; no threads)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic

from pertinence.local.batches.batching import Owner, Waiting

__all__ = ["Turns"]


class Turns(Generic[Owner]):
    """Whose texts are tokenised next, a chunk at a time, and when it has been enough for now.

    Requests that have not begun go first, in their order; among the others, the one with the fewest
    tokens waiting for the model. One that has nothing waiting takes turns with those that have not
    begun, so that none starves.

    Args:
        room: tokens that may wait for the model before requests that have begun pause. Those that
            have nothing waiting go on up to twice as many; then nobody does.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._new: OrderedDict[Owner, None] = OrderedDict()
        self._begun: OrderedDict[Owner, None] = OrderedDict()
        self._last_was_new = False

    def __bool__(self) -> bool:
        return bool(self._new or self._begun)

    def join(self, owner: Owner) -> None:
        """`owner` has texts, and none of them is tokenised yet."""
        self._new[owner] = None

    def again(self, owner: Owner) -> None:
        """`owner`, whose turn it was, has more texts."""
        self._begun[owner] = None

    def drop(self, owner: Owner) -> None:
        """`owner` wants no more turns."""
        self._new.pop(owner, None)
        self._begun.pop(owner, None)

    def next(self, waiting: Waiting[Owner]) -> Owner | None:
        """Whose turn it is, no longer in line; None if nobody's before the model has run some more.

        Args:
            waiting: what has been tokenised and not run.
        """
        if waiting.tokens >= 2 * self._room:
            return None
        least = min(self._begun, key=waiting.tokens_of, default=None)
        starving = least is not None and not waiting.tokens_of(least)
        if self._new and not (starving and self._last_was_new):
            self._last_was_new = True
            return self._new.popitem(last=False)[0]
        if least is not None and (starving or waiting.tokens < self._room):
            self._last_was_new = False
            del self._begun[least]
            return least
        return None
