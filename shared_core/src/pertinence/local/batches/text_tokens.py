"""Single texts as an embedding model reads them: tokenized once, cut, and put between special tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, normalizers

from pertinence.errors import InputError, ModelError
from pertinence.local.batches.pair_tokens import EncodedPair, Ids, PairLimits, open_tokenizer, room_for_texts

__all__ = ["PromptedTexts", "SequenceEncoder"]

# A text that gives at least one token in any tokenizer.
_PROBE = "what is it"


class SequenceEncoder:
    """Encoder of texts with a model's tokenizer, configured once and never changed, so threads can share it.

    Args:
        path: the model's `tokenizer.json`.
        max_length: default limit on the number of tokens of a text, including special tokens.
        positions: largest number of tokens that the model can read.
        cut_left: True to cut texts at their beginning (`truncation_side: left`).
        lowercase: True to lowercase every text first (`do_lower_case`).
        include_prompt: True if pooling also reads the tokens of a prompt.

    Raises:
        ModelError: the file is not a tokenizer, or it does more than put special tokens around a text.
    """

    text_type = 0

    def __init__(
        self,
        path: Path,
        *,
        max_length: int,
        positions: int,
        cut_left: bool = False,
        lowercase: bool = False,
        include_prompt: bool = True,
    ) -> None:
        self._tokenizer = open_tokenizer(path)
        if lowercase:
            _lowercase(self._tokenizer)
        self._max_length = max_length
        self._positions = positions
        self._cut_left = cut_left
        self._include_prompt = include_prompt
        self._before, self._after = self._read_template(path)

    def prompted(self, prompt: str, limits: PairLimits) -> PromptedTexts:
        """Return an encoder that puts `prompt` before every text.

        Raises:
            OptionError: `max_length` is more than the model can read, or too little for one token.
        """
        limit = self._max_length if limits.max_length is None else limits.max_length
        special = len(self._before) + len(self._after)
        room = room_for_texts(limit, positions=self._positions, special=special, least=1)
        return PromptedTexts(self, prompt, room, self._left_out(prompt))

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return the token ids of each text, without special tokens and not cut."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]

    def sequence(self, text: Ids, room: int, left_out: int = 0) -> EncodedPair:
        """Put one text between the special tokens, cut to `room` tokens plus the special tokens.

        The boundary of the result is `left_out`, the number of first tokens that pooling does not read.

        Raises:
            InputError: there are no tokens for the model to read.
        """
        kept = text[-room:] if self._cut_left else text[:room]
        ids = np.concatenate((self._before, kept, self._after))
        if not len(ids):
            raise InputError("a text is empty to this model, whose tokenizer adds no special tokens")
        return EncodedPair(ids, left_out, len(kept) < len(text))

    def _left_out(self, prompt: str) -> int:
        """Return the number of first tokens that pooling leaves out because of a prompt.

        As in sentence-transformers, these are the special tokens before the prompt, the prompt's own tokens,
        and as many as the special tokens after it, less one.
        """
        if self._include_prompt or not prompt:
            return 0
        return len(self._before) + len(self.encode([prompt])[0]) + max(0, len(self._after) - 1)

    def _read_template(self, path: Path) -> tuple[Ids, Ids]:
        """Read the special tokens before and after a text from one that the tokenizer itself encoded."""
        dressed = self._tokenizer.encode(_PROBE)
        ids = np.array(dressed.ids, dtype=np.int32)
        (plain,) = self.encode([_PROBE])
        own = [i for i, sequence in enumerate(dressed.sequence_ids) if sequence == 0]
        before, after = (ids[: own[0]], ids[own[-1] + 1 :]) if own else (ids, ids[:0])
        if not np.array_equal(np.concatenate((before, plain, after)), ids) or any(dressed.type_ids):
            raise ModelError(f"{path} does more than put special tokens around a text")
        return before, after


class PromptedTexts:
    """Encoder of texts that puts one prompt before each text."""

    def __init__(self, encoder: SequenceEncoder, prompt: str, room: int, left_out: int) -> None:
        self._encoder = encoder
        self._prompt = prompt
        self._room = room
        self._left_out = left_out

    def pairs(self, texts: Sequence[str]) -> list[EncodedPair]:
        """Return one sequence per text, in their order. Each consists of the prompt and the text."""
        if self._prompt:
            texts = [self._prompt + text for text in texts]
        return [
            self._encoder.sequence(ids, self._room, self._left_out) for ids in self._encoder.encode(texts)
        ]


def _lowercase(tokenizer: Tokenizer) -> None:
    """Add lowercasing as the first normalizer unless there is one already, as sentence-transformers does."""
    own = tokenizer.normalizer
    parts = [own] if own is not None else []
    if isinstance(own, normalizers.Sequence):
        parts = [own[place] for place in range(len(own))]
    if not any(isinstance(part, normalizers.Lowercase) for part in parts):
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *parts])
