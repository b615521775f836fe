"""Splitting of one call into requests that the server accepts, and merging of their responses."""

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

# Short text that every server accepts, unless it refuses any text with this query.
_HARMLESS = "a"
# Bytes to allow for the characters around a text in a request body.
_AROUND = 16


def spans(texts: Sequence[str], most: int | None, most_bytes: int | None = None) -> list[tuple[int, int]]:
    """Split texts into pieces and return (first, end) of each. The pieces are as few and even as possible.

    Args:
        texts: texts to split, at least one.
        most: maximum number of texts in a piece; None for no limit.
        most_bytes: maximum size of a piece in bytes of UTF-8; None for no limit. A longer text is a piece
            of its own.
    """
    count = len(texts)
    pieces = 1 if most is None else -(-count // most)
    cuts = [round(number * count / pieces) for number in range(pieces + 1)]
    # No character takes more than four bytes, so most texts are known to fit without being encoded.
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
    """One call in progress.

    Args:
        client: client that sends the requests.
        dialect: dialect of the requests and responses.
        call: content of the whole call; its texts are all different.
        places: index of each text in the caller's list, for error messages.
        deadline: time of the loop by which the call must be complete.
        done: function that is called with the number of texts of each piece that was answered.
    """

    client: Client
    dialect: Dialect
    call: Call
    places: Sequence[int]
    deadline: float
    done: Callable[[int], object]
    _probe: asyncio.Task[bool] | None = field(default=None, init=False)

    async def answer(self) -> Answer:
        """Return the complete answer in the order of the texts. There are no partial results.

        Raises:
            EndpointError: the server did not answer or refused; `RefusedDocumentError` names a document.
            ScoreError: a response does not hold one finite value for each text.
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
        """Return the answer for the texts from `first` up to `end`, excluding `end`."""
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
        """Send refused texts in smaller requests; raise the cause if the request cannot be made smaller."""
        refused, count = error.refusal, end - first
        if count > 1 and not self.dialect.splits:
            raise EndpointError(
                f"{error}; the request cannot be split, because this model looks at all documents together",
                status=error.status,
            ) from None
        if count == 1 or refused.meaning == "input":
            # Find out with a harmless text whether the documents are the cause at all.
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
        """Check whether the server accepts a harmless text with this query. Sent at most once per call."""
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
    """Return the error for a refusal that does not depend on the documents."""
    return EndpointError(f"{error} (whatever the documents)", status=error.status)


async def _all(work: Sequence[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Run all requests and return their answers. The first error cancels the other requests."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _joined(answers: Sequence[Answer]) -> Answer:
    """Concatenate the answers and add up their usage counts.

    Raises:
        ScoreError: the vectors have different lengths.
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
