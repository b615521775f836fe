"""Display of a ranking: a table for people, JSON lines for programs, and notes on the texts for both."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from pertinence.cli.passages import Passage
from pertinence.ranking import RankedDocument, Ranking

__all__ = ["cut", "json_line", "jsonl", "notes", "print_jsonl", "print_table", "reconfigure", "table"]

_OURS = ("index", "score")
_NARROWEST = 20
_NEEDS_ESCAPE = re.compile("[\x85\u2028\u2029\ud800-\udfff]")
_SCALES = {
    "probability": "a probability",
    "logit": "the model's logit",
    "raw": "on the scale of the model or its server",
}


def print_table(ranking: Ranking[Passage]) -> None:
    """Print the ranking as a table as wide as the terminal."""
    # Show a question mark for a character that the terminal cannot display.
    reconfigure(errors="replace")
    for line in table(ranking, shutil.get_terminal_size().columns):
        print(line)


def print_jsonl(ranking: Ranking[Passage]) -> None:
    """Print the ranking as JSON lines, in UTF-8 whatever the locale, as JSON requires."""
    reconfigure(encoding="utf-8")
    for item in ranking:
        print(jsonl(item))


def jsonl(item: RankedDocument[Passage]) -> str:
    """Format one document as one line: `index`, `score`, then the object that held it, or its `text`.

    A lone surrogate has no encoding, and some readers end a line at other characters than a newline. A text
    that contains such a character is written with escapes.
    """
    document = item.document.record or {"text": item.document.text}
    line = {"index": item.index, "score": item.score}
    line.update({name: value for name, value in document.items() if name not in _OURS})
    return json_line(line)


def json_line(line: Mapping[str, Any]) -> str:
    """Format an object as one line, with escapes if a character has no encoding or may end a line."""
    written = json.dumps(line, ensure_ascii=False)
    return json.dumps(line) if _NEEDS_ESCAPE.search(written) else written


def table(ranking: Ranking[Passage], width: int) -> Iterator[str]:
    """Yield a title, a header and one line per ranked document, cut to `width` columns."""
    digits = max(4, len(str(ranking.total)))
    yield f"{ranking.model}: {len(ranking)} of {ranking.total}, score is {_SCALES[ranking.score_kind]}"
    yield f"{'rank':>{digits}}  {'was':>{digits}}  {'score':>8}  passage"
    for rank, item in enumerate(ranking, start=1):
        start = f"{rank:{digits}}  {item.index + 1:{digits}}  {item.score:8.4f}  "
        yield start + cut(item.document.text, max(width - len(start), _NARROWEST))


def cut(text: str, width: int) -> str:
    """Fit a text into one line of at most `width` columns, without characters that control a terminal."""
    shown: list[tuple[str, int]] = []
    columns = 0
    # Look at the start only: a long text cannot be shown in full.
    for character in " ".join(text[: 20 * width].split()):
        if unicodedata.category(character) == "Cf":
            continue
        if not character.isprintable():
            character = "\N{REPLACEMENT CHARACTER}"
        columns += _columns(character)
        shown.append((character, columns))
    if columns <= width and len(text) <= 20 * width:
        return "".join(character for character, _ in shown)
    return "".join(character for character, end in shown if end < width) + "…"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def reconfigure(*, encoding: str | None = None, errors: str | None = None) -> None:
    """Set the encoding of standard output, or its handling of characters that it cannot encode."""
    # If the host program has replaced standard output, leave the replacement alone.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=encoding, errors=errors)


def notes(ranking: Ranking[Passage]) -> Iterator[str]:
    """Yield what a reader should know about the texts of a ranking, one sentence per fact."""
    yield from ranking.notes
    renamed = sum(_has_ours(item.document.record) for item in ranking)
    if renamed:
        verb = "was" if renamed == 1 else "were"
        what = "given a new index or score in place of a field of that name"
        yield f"{renamed} of {ranking.total} {verb} {what}"


def _has_ours(record: Any) -> bool:
    return record is not None and any(name in record for name in _OURS)
