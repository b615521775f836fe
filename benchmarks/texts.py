"""French texts to measure with: words cut to exact token lengths, and real questions with their candidates.

Words and questions come from the folder that `PERTINENCE_DATA` names; without it, words come from the
corpus of the examples, and there are no questions.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from tokenizers import Tokenizer

__all__ = ["Work", "even", "folder_of_data", "length_mix", "mixed", "piaf", "plain_passages", "real_texts"]

_HERE = Path(__file__).parent
_OWN = _HERE.parent / "examples" / "corpus.jsonl"


@dataclass(frozen=True, kw_only=True)
class Work:
    """Something to score: queries, each with its passages."""

    name: str
    queries: Sequence[tuple[str, Sequence[str]]]

    @property
    def pairs(self) -> int:
        """How many pairs it is in all."""
        return sum(len(texts) for _, texts in self.queries)

    def lengths(self, tokenizer: Tokenizer, most: int) -> list[int]:
        """Tokens of each pair, special ones included, each cut at `most`."""
        both = [(query, text) for query, texts in self.queries for text in texts]
        return [min(most, len(encoding.ids)) for encoding in tokenizer.encode_batch(both)]


def folder_of_data() -> Path | None:
    """The folder of real retrieval data, where there is one."""
    named = os.environ.get("PERTINENCE_DATA")
    return Path(named) if named else None


def length_mix(tokenizer: Tokenizer) -> Work:
    """The pairs of `length-mix.json`: French words cut so that this tokenizer gives just those lengths."""
    mix = json.loads((_HERE / "length-mix.json").read_text("utf-8"))
    words, draw = _words(), random.Random(0)
    query = _cut(tokenizer, words, mix["query_length"], draw)
    taken = mix["query_length"] + tokenizer.num_special_tokens_to_add(is_pair=True)
    texts = [_cut(tokenizer, words, length - taken, draw) for length in mix["pair_lengths"]]
    lengths = [len(tokenizer.encode(query, text).ids) for text in texts]
    assert lengths == mix["pair_lengths"], "a tokenizer that joins pairs in a way of its own"
    return Work(name="length mix", queries=[(query, texts)])


def even(tokenizer: Tokenizer, pairs: int, length: int, query_length: int = 5) -> Work:
    """One query and as many different texts, in pairs of `length` tokens each."""
    words, draw = _words(), random.Random(length)
    query = _cut(tokenizer, words, query_length, draw)
    taken = query_length + tokenizer.num_special_tokens_to_add(is_pair=True)
    texts: dict[str, None] = {}
    # Documents that are the same are scored once: these are to be scored one by one.
    while len(texts) < pairs:
        text = _cut(tokenizer, words, length - taken, draw)
        if text in texts:
            draw.shuffle(words)  # A small corpus has no more to give in its own order.
        texts[text] = None
    return Work(name=f"{pairs:,} x {length}", queries=[(query, list(texts))])


def mixed(tokenizer: Tokenizer, pairs: int) -> Work:
    """One query and as many different texts, in pairs of the lengths of `length-mix.json`, in any order."""
    mix = json.loads((_HERE / "length-mix.json").read_text("utf-8"))
    words, draw = _words(), random.Random(pairs)
    query = _cut(tokenizer, words, mix["query_length"], draw)
    taken = mix["query_length"] + tokenizer.num_special_tokens_to_add(is_pair=True)
    lengths = draw.choices(mix["pair_lengths"], k=pairs)
    texts: dict[str, None] = {}
    while len(texts) < pairs:
        texts[_cut(tokenizer, words, lengths[len(texts)] - taken, draw)] = None
    return Work(name=f"{pairs:,} of the length mix", queries=[(query, list(texts))])


def piaf(questions: int, candidates: int) -> Work | None:
    """Questions of PIAF's dev part, evenly spaced, each with its first BM25 candidates; None without data."""
    data = folder_of_data()
    if data is None:
        return None
    folder = data / "piaf-fr"
    dev = dict.fromkeys(line.split()[0] for line in (folder / "qrels" / "dev.trec").read_text().splitlines())
    wanted = list(dev)[:: len(dev) // questions][:questions]
    found: dict[str, list[str]] = {query: [] for query in wanted}
    with gzip.open(folder / "bm25.trec.gz", "rt", encoding="utf-8") as lines:
        for query, _, passage, *_ in map(str.split, lines):
            if query in found and len(found[query]) < candidates:
                found[query].append(passage)
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        queries = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    corpus = _corpus(folder)
    return Work(
        name="PIAF", queries=[(queries[query], [corpus[each] for each in found[query]]) for query in wanted]
    )


def plain_passages(count: int, words: int) -> list[str]:
    """French passages of so many words, written for the project: the same wherever this runs."""
    text = " ".join(_own_texts()).split()
    return [
        " ".join(islice(cycle(text), start, start + words)) for start in range(0, count * words, words + 1)
    ][:count]


def real_texts() -> list[str]:
    """Every passage at hand."""
    data = folder_of_data()
    return _own_texts() if data is None else list(_corpus(data / "piaf-fr").values())


def _words() -> list[str]:
    return " ".join(real_texts()).split()


def _own_texts() -> list[str]:
    return [json.loads(row)["text"] for row in _OWN.read_text("utf-8").splitlines()]


def _corpus(folder: Path) -> dict[str, str]:
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {row["_id"]: row["text"] for row in map(json.loads, lines)}


def _cut(tokenizer: Tokenizer, words: Sequence[str], length: int, draw: random.Random) -> str:
    """Words in a row, from somewhere, cut where the tokenizer has given `length` tokens."""
    for _ in range(1000):
        start = draw.randrange(len(words))
        # No word gives less than a token, so as many words are always enough.
        text = " ".join(islice(cycle(words), start, start + length))
        end = tokenizer.encode(text, add_special_tokens=False).offsets[length - 1][1]
        # Cut there, a text may fall into other tokens than it did as a part of the longer one.
        if len(tokenizer.encode(text[:end], add_special_tokens=False).ids) == length:
            return text[:end]
    raise ValueError(f"no text of {length} tokens was found")
