"""One call as one request or many: texts are split as the server takes them, and put together again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from pertinence.errors import EndpointError, RefusedDocumentError, ScoreError
from pertinence.remote.dialects import Answer, Call, Dialect
from pertinence.remote.dialects.reading import EntryError
from pertinence.remote.http import Client
from pertinence.remote.outcomes import RefusedError

__all__ = ["Sending", "spans"]

# What any server takes, if it takes anything with this query.
_HARMLESS = "a"
# What surrounds a text in a body.
_AROUND = 16


def spans(texts: Sequence[str], most: int | None, most_bytes: int | None = None) -> list[tuple[int, int]]:
    """Where to cut: (first, end) of pieces of at most `most` texts, as even as can be, in as few as can be.

    Args:
        texts: at least one.
        most: texts of a piece; None does not limit them.
        most_bytes: bytes of a piece in UTF-8; a text that is longer is a piece by itself.
    """
    count = len(texts)
    pieces = 1 if most is None else -(-count // most)
    cuts = [round(number * count / pieces) for number in range(pieces + 1)]
    # No character takes more than four bytes: most texts need not be encoded to know that they fit.
    if most_bytes is None or 4 * sum(map(len, texts)) + _AROUND * count <= most_bytes:
        return list(pairwise(cuts))
    found: list[tuple[int, int]] = []
    for first, end in pairwise(cuts):
        start, size = first, 0
        for place in range(first, end):
            length = len(texts[place].encode()) + _AROUND
            if size and size + length > most_bytes:
                found.append((start, place))
                start, size = place, 0
            size += length
        found.append((start, end))
    return found


@dataclass
class Sending:
    """One call on its way.

    Args:
        client: sends.
        dialect: how the server is asked.
        call: everything that is asked; its texts are different from each other.
        places: where each text stands in the caller's list, for messages.
        deadline: the loop's time by which all must be done.
        done: told how many texts were answered, piece by piece.
    """

    client: Client
    dialect: Dialect
    call: Call
    places: Sequence[int]
    deadline: float
    done: Callable[[int], object]
    _probe: asyncio.Task[bool] | None = field(default=None, init=False)

    async def answer(self) -> Answer:
        """The whole answer, in the order of the texts: all of it, or an error.

        Raises:
            EndpointError: the server did not answer, or refuses; `RefusedDocumentError` names a document.
            ScoreError: what it answered is not one finite value for each text.
        """
        texts = self.call.texts
        most = self._most()
        limit = self.dialect.most_bytes
        room = None if limit is None else max(1, limit - 2 * len(self.call.query.encode()) - 1024)
        cuts = spans(texts, most, room) if self.dialect.splits else [(0, len(texts))]
        return await self._pieces(cuts)

    def _most(self) -> int | None:
        known = [self.dialect.batch, self.client.learned.get(self.dialect.path)]
        return min((each for each in known if each is not None), default=None)

    async def _pieces(self, cuts: Sequence[tuple[int, int]]) -> Answer:
        if len(cuts) == 1:
            return await self._piece(*cuts[0])
        return _joined(await _all([self._piece(first, end) for first, end in cuts]))

    async def _piece(self, first: int, end: int) -> Answer:
        """The answer for the texts from `first` to `end`."""
        whole = self.call.texts
        texts = whole if end - first == len(whole) else whole[first:end]
        try:
            answer = await self._sent(texts)
        except EntryError as error:
            raise error.at(self.places[first + error.place]) from None
        except RefusedError as error:
            refused = error
        else:
            self.done(len(texts))
            return answer
        return await self._smaller(first, end, refused)

    async def _sent(self, texts: Sequence[str]) -> Answer:
        call = self.call if texts is self.call.texts else replace(self.call, texts=texts)
        reply = await self.client.post(self.dialect.build_request(call), self.deadline, call)
        return self.dialect.parse_response(reply.status, reply.headers, reply.body, len(texts))

    async def _smaller(self, first: int, end: int, error: RefusedError) -> Answer:
        """The same in smaller requests; or, once it cannot be smaller, what the matter is."""
        refused, count = error.refusal, end - first
        if count > 1 and not self.dialect.splits:
            raise EndpointError(
                f"{error}; the request cannot be split, because this model looks at all documents together",
                status=error.status,
            ) from None
        if count == 1 or refused.meaning == "input":
            # Is it the documents at all? One that nobody objects to will tell.
            if not await self._takes_harmless():
                raise _general(error) from None
            if count == 1:
                place = self.places[first]
                raise RefusedDocumentError(
                    f"document {place} is refused: {error}", status=error.status, index=place
                ) from None
        most = refused.limit or -(-count // 2)
        if refused.limit is not None:
            self._learn(most)
        cuts = [
            (first + start, first + stop)
            for start, stop in spans(self.call.texts[first:end], min(most, count - 1))
        ]
        answer = await self._pieces(cuts)
        if refused.meaning == "size":
            self._learn(most)
        return answer

    def _learn(self, most: int) -> None:
        learned = self.client.learned
        learned[self.dialect.path] = min(most, learned.get(self.dialect.path, most))

    async def _takes_harmless(self) -> bool:
        """Whether the server takes a harmless text with this query; asked once a call."""
        if self._probe is None:
            self._probe = asyncio.ensure_future(self._try_harmless())
        return await self._probe

    async def _try_harmless(self) -> bool:
        try:
            await self._sent([_HARMLESS])
        except (EndpointError, ScoreError):
            return False
        return True


def _general(error: RefusedError) -> EndpointError:
    """A refusal that has nothing to do with any one document."""
    return EndpointError(f"{error} (whatever the documents)", status=error.status)


async def _all(work: Sequence[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """All answers; the first error cancels what is still on its way."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _joined(answers: Sequence[Answer]) -> Answer:
    """The answers one after the other.

    Raises:
        ScoreError: their vectors are not of one length.
    """
    usage: dict[str, int] = {}
    for answer in answers:
        _add(usage, answer.usage)
    dims = {answer.values.shape[1:] for answer in answers}
    if len(dims) > 1:
        raise ScoreError(f"the server answered with vectors of {len(dims)} different lengths")
    return Answer(values=np.concatenate([answer.values for answer in answers]), usage=usage)


def _add(usage: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        usage[name] = usage.get(name, 0) + value
