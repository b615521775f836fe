"""The ways in which people write a question, and the part of a passage that they are shown."""

from __future__ import annotations

import random
import re
import unicodedata

_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=[A-ZÀ-Ý0-9«\"(])")
_WORD = re.compile(r"[\w’'-]+")
_COMMON = """
    a à au aux avec ce ces cette d dans de des du elle en est et eu il ils l la le les leur lors mais ne
    on ont ou où par pas pour plus qu que qui quel quelle quels quelles s sa sans se ses si son sont sur
    un une y combien comment pourquoi quand était été étaient fut être the a an of in is are does do it
    this that to and for with can what how why when where which on at by be as from has have was were
    will i my you
"""
COMMON = frozenset(_COMMON.split())


def sentences(text: str) -> list[str]:
    """The sentences of a passage that are long enough to say something."""
    return [part.strip() for part in _SENTENCE.split(text) if 8 <= len(part.split()) <= 45]


def vary(question: str, rng: random.Random, share: float = 0.5) -> str:
    """The question as someone in a hurry types it, in so large a share of the calls."""
    way = rng.random()
    if way < 1 - share:
        return question
    way = (way - (1 - share)) / share
    if way < 0.32:
        kept = [w for w in _WORD.findall(question) if w.lower() not in COMMON]
        return " ".join(kept) if len(kept) >= 2 else question
    if way < 0.56:
        return question.rstrip(" ?!.").replace("’", " ").replace("'", " ")
    if way < 0.76:
        return _slip(question, rng)
    plain = unicodedata.normalize("NFKD", question)
    return "".join(c for c in plain if not unicodedata.combining(c)).lower().rstrip(" ?")


def excerpt(passage: str, question: str, words: int, rng: random.Random) -> str:
    """So many words of a passage, cut anywhere, around what it shares with the question most."""
    all_words = passage.split()
    if len(all_words) <= words:
        return passage
    asked = {_stem(w) for w in _WORD.findall(question) if w.lower() not in COMMON}
    hits = [sum(_stem(w) in asked for w in _WORD.findall(word)) for word in all_words]
    window = sum(hits[:words])
    best, places = window, [0]
    for start in range(1, len(all_words) - words + 1):
        window += hits[start + words - 1] - hits[start - 1]
        if window > best:
            best, places = window, [start]
        elif window == best:
            places.append(start)
    start = rng.choice(places)
    return " ".join(all_words[start : start + words])


def _slip(question: str, rng: random.Random) -> str:
    """One letter missing, doubled or swapped with the next."""
    places = [i for i, c in enumerate(question[:-1]) if c.isalpha() and question[i + 1].isalpha()]
    if not places:
        return question
    at = rng.choice(places)
    changed = rng.choice(("", question[at] * 2, question[at + 1] + question[at]))
    return (
        question[:at]
        + changed
        + question[at + (2 if len(changed) == 2 and changed[0] != changed[1] else 1) :]
    )


def _stem(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.lower())
    return "".join(c for c in plain if c.isalnum())[:6]
