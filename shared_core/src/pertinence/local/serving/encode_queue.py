"""Order in which requests are tokenized, a chunk of texts at a time (pure; no threads)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic

from pertinence.local.batches.batching import Owner, Waiting

__all__ = ["EncodeQueue"]


class EncodeQueue(Generic[Owner]):
    """Queue that decides which request is tokenized next, a chunk at a time, and when tokenizing pauses.

    New requests, which have no texts tokenized yet, go first, in their order. Among the others, the one
    with the fewest tokens waiting for the model goes next. If it has no tokens waiting, it alternates with
    the new requests, so that it does not starve.

    Args:
        room: number of tokens waiting for the model above which requests that have begun pause. New
            requests and requests with nothing waiting continue up to twice that number; then all pause.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._new: OrderedDict[Owner, None] = OrderedDict()
        self._begun: OrderedDict[Owner, None] = OrderedDict()
        self._last_was_new = False

    def __bool__(self) -> bool:
        return bool(self._new or self._begun)

    def join(self, owner: Owner) -> None:
        """Add `owner`, none of whose texts is tokenized yet."""
        self._new[owner] = None

    def again(self, owner: Owner) -> None:
        """Put `owner` back in the queue after its turn, because it has more texts."""
        self._begun[owner] = None

    def drop(self, owner: Owner) -> None:
        """Remove `owner` from the queue."""
        self._new.pop(owner, None)
        self._begun.pop(owner, None)

    def next(self, waiting: Waiting[Owner]) -> Owner | None:
        """Remove and return the next request to tokenize; None if tokenizing must pause.

        It must pause when enough tokens wait, until the model has run more of them.

        Args:
            waiting: the pairs that are tokenized and not yet run.
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
