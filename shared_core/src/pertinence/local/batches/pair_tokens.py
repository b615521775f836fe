"""Pairs of a query and a text, each tokenized once and joined as the model's own tokenizer would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

from pertinence.errors import InputError, ModelError, OptionError
from pertinence.options import Truncation

__all__ = [
    "EncodedPair",
    "Ids",
    "PairEncoder",
    "PairLimits",
    "QueryEncoder",
    "cut_lengths",
    "open_tokenizer",
    "room_for_texts",
]

Ids = npt.NDArray[np.int32]

# Texts that give at least one token in any tokenizer. Their content does not matter: tokens of the two texts
# are distinguished by their sequence id.
_PROBE = ("what is it", "it is this")


@dataclass(frozen=True, kw_only=True)
class PairLimits:
    """Limits for pairs: the number of tokens (None: the model's own limit) and the truncation rule."""

    max_length: int | None = None
    truncation: Truncation = "longest_first"


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Token ids of one pair, the index at which the text begins, and whether text or query was cut."""

    ids: Ids
    boundary: int
    truncated: bool
    query_truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class _Template:
    """Special tokens that a tokenizer puts around and between query and text, and the text's token type."""

    before: Ids
    between: Ids
    after: Ids
    text_type: int

    @property
    def size(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


def cut_lengths(query: int, text: int, room: int, truncation: Truncation) -> tuple[int, int]:
    """Return the numbers of tokens of query and text to keep, so that both fit into `room` tokens.

    `longest_first` is the rule of the tokenizers library. It cuts the longer of the two. If the shorter alone
    takes more than half of `room`, both are cut to half of it.

    Raises:
        InputError: `only_second`, and the query leaves no space for a single token of the text.
    """
    if query + text <= room:
        return query, text
    if truncation == "only_second":
        if query >= room:
            raise InputError(
                f"query takes {query} tokens and leaves no room for a document within {room}; "
                "shorten it, or use truncation='longest_first'"
            )
        return query, room - query
    shorter, longer = min(query, text), max(query, text)
    longer = max(shorter, room - shorter) if shorter <= room else shorter
    if shorter + longer > room:
        shorter = room // 2
        longer = shorter + room % 2
    return (shorter, longer) if query <= text else (longer, shorter)


def open_tokenizer(path: Path) -> Tokenizer:
    """Open the tokenizer in this file, with truncation and padding switched off for good.

    Raises:
        ModelError: the file is not a tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise ModelError(f"{path} is not a readable tokenizer: {error}") from error
    # This package cuts and pads the ids itself, because a tokenizer raises "Already borrowed" if its settings
    # change while another thread encodes (huggingface/tokenizers#537).
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def room_for_texts(limit: int, *, positions: int, special: int, least: int) -> int:
    """Return the number of tokens that remain of `limit` after the special tokens.

    Raises:
        OptionError: `limit` is more than the model can read, or leaves fewer than `least` tokens.
    """
    if limit > positions:
        raise OptionError(f"max_length is {limit}, but the model takes at most {positions}")
    if limit - special < least:
        raise OptionError(f"max_length is {limit}, but special tokens alone take {special}")
    return limit - special


class PairEncoder:
    """Encoder of pairs with a model's tokenizer, configured once and never changed, so threads can share it.

    Args:
        path: the model's `tokenizer.json`.
        max_length: default limit on the number of tokens of a pair, including special tokens.
        positions: largest number of tokens of a pair that the model can read; None is `max_length`.
        cut_left: True to cut query and text at their beginning (`truncation_side: left`).

    Raises:
        ModelError: the file is not a tokenizer, or it does not join pairs from two plain sequences.
    """

    def __init__(
        self, path: Path, *, max_length: int, positions: int | None = None, cut_left: bool = False
    ) -> None:
        self._tokenizer = open_tokenizer(path)
        self._max_length = max_length
        self._positions = max_length if positions is None else positions
        self._cut_left = cut_left
        self._template = self._read_template(path)

    @property
    def text_type(self) -> int:
        """Token type of the text's tokens: 1 in the BERT and ELECTRA families, 0 in RoBERTa's."""
        return self._template.text_type

    def query(self, query: str, limits: PairLimits) -> QueryEncoder:
        """Tokenize a query, and return an encoder that joins it with texts.

        Raises:
            OptionError: `max_length` is more than the model can read, or too little for one token of query
                and text each.
        """
        limit = self._max_length if limits.max_length is None else limits.max_length
        room = room_for_texts(limit, positions=self._positions, special=self._template.size, least=2)
        return QueryEncoder(self, self.encode([query])[0], room, limits.truncation)

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return the token ids of each text, without special tokens and not cut."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]

    def join(self, query: Ids, text: Ids, room: int, truncation: Truncation) -> EncodedPair:
        """Join a query and a text into one pair, cut to `room` tokens plus the special tokens."""
        query_length, text_length = cut_lengths(len(query), len(text), room, truncation)
        template = self._template
        ids = np.concatenate(
            (
                template.before,
                self._cut(query, query_length),
                template.between,
                self._cut(text, text_length),
                template.after,
            )
        )
        boundary = len(template.before) + query_length + len(template.between)
        return EncodedPair(ids, boundary, text_length < len(text), query_length < len(query))

    def _cut(self, ids: Ids, length: int) -> Ids:
        return ids[len(ids) - length :] if self._cut_left else ids[:length]

    def _read_template(self, path: Path) -> _Template:
        """Read the special tokens around two sequences from a pair that the tokenizer itself joined."""
        encoding = self._tokenizer.encode(*_PROBE)
        sequences = encoding.sequence_ids
        query = [i for i, sequence in enumerate(sequences) if sequence == 0]
        text = [i for i, sequence in enumerate(sequences) if sequence == 1]
        if not query or not text or query[-1] > text[0]:
            raise ModelError(f"{path} does not join a query and a passage into one sequence")
        template = _Template(
            before=_ids(encoding, 0, query[0]),
            between=_ids(encoding, query[-1] + 1, text[0]),
            after=_ids(encoding, text[-1] + 1, len(sequences)),
            text_type=encoding.type_ids[text[0]],
        )
        self._check(template, encoding, path)
        return template

    def _check(self, template: _Template, encoding: Encoding, path: Path) -> None:
        """Check with the probe texts that `join` gives the same ids and types as the tokenizer."""
        query, text = self.encode(_PROBE)
        ids = np.concatenate((template.before, query, template.between, text, template.after))
        boundary = len(template.before) + len(query) + len(template.between)
        types = [0] * boundary + [template.text_type] * (len(ids) - boundary)
        if ids.tolist() != encoding.ids or types != encoding.type_ids:
            raise ModelError(
                f"{path} builds pairs in a way that is not two plain sequences between special tokens"
            )


class QueryEncoder:
    """One tokenized query, which can be joined with any number of texts."""

    def __init__(self, encoder: PairEncoder, query: Ids, room: int, truncation: Truncation) -> None:
        self._encoder = encoder
        self._query = query
        self._room = room
        self._truncation = truncation

    def pairs(self, texts: Sequence[str]) -> list[EncodedPair]:
        """Return one encoded pair per text, in their order.

        Raises:
            InputError: `only_second`, and the query leaves no space for a text.
        """
        return [
            self._encoder.join(self._query, text, self._room, self._truncation)
            for text in self._encoder.encode(texts)
        ]


def _ids(encoding: Encoding, start: int, stop: int) -> Ids:
    return np.array(encoding.ids[start:stop], dtype=np.int32)
