"""`pertinence models`: list the known model cards with their facts, and the models on this machine."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from pertinence.cards import CARDS, PROTOCOLS, Card, Task, card_of, nearest
from pertinence.cli.flags import add_options
from pertinence.errors import InputError, ModelNotFoundError

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "list the models whose cards are known, and tell which of them are here"

_COLUMNS = ("model", "task", "languages", "size", "tokens", "scale", "licence", "here")
# Maximum number of languages to list; if there are more, only their number is shown.
_NAMED = 3
_LANGUAGE = re.compile("[a-z]{2,3}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pertinence models` to the parser."""
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="tell all of this one: its name, or an end of it"
    )
    parser.add_argument("--task", choices=get_args(Task), help="only those for this task")
    parser.add_argument("--language", metavar="CODE", help="only those that read it: fr, en, de, ...")
    parser.add_argument("--licence", metavar="ID", help="only those under this licence: MIT, Apache-2.0")
    parser.add_argument("--local", action="store_true", help="only those that are on this machine, whole")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--json",
        dest="as_table",
        action="store_false",
        help="one JSON object per line (default when piped)",
    )
    shape.add_argument("--table", dest="as_table", action="store_true", help="for people (on a terminal)")
    parser.set_defaults(as_table=None)
    add_options(parser, ("cache_folder", "revision"))


def run(arguments: argparse.Namespace) -> int:
    """Print the selected cards, without opening a connection."""
    cards = [_named(arguments.model)] if arguments.model else list(_wanted(CARDS, arguments))
    rows = [_row(card, arguments) for card in cards]
    if arguments.local:
        rows = [row for row in rows if row["here"] and not row["here"]["lacks"]]
    as_table = sys.stdout.isatty() if arguments.as_table is None else arguments.as_table
    if not as_table:
        lines: Iterable[str] = (json.dumps(row, ensure_ascii=False) for row in rows)
    elif arguments.model:
        lines = _told(rows)
    else:
        lines = _table([_cells(row) for row in rows])
    for line in lines:
        print(line)
    if not rows:
        print("pertinence models: no card fits; any other model loads by its own files", file=sys.stderr)
    return 0


def _named(name: str) -> Card:
    card = card_of(name)
    if card is None:
        alike = f" Did you mean {' or '.join(nearest(name))}?" if nearest(name) else ""
        raise ModelNotFoundError(
            f"{name} is on no card.{alike} A model without a card loads by its own files: "
            f"pertinence doctor {name}"
        )
    return card


def _wanted(cards: Iterable[Card], arguments: argparse.Namespace) -> Iterator[Card]:
    language = (arguments.language or "").lower()
    if language and not _LANGUAGE.fullmatch(language):
        raise InputError(f"--language takes a code such as fr or en; got {arguments.language!r}")
    for card in cards:
        if (
            arguments.task in (None, card.task)
            and (not language or card.reads(language))
            and (not arguments.licence or (card.licence or "").lower() == arguments.licence.lower())
        ):
            yield card


def _row(card: Card, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the card's data, with the location of the model on this machine."""
    from pertinence.local.files.discovery import present

    found = present(card.name, getattr(arguments, "cache_folder", None), getattr(arguments, "revision", None))
    here = found and {"place": found.place, "folder": str(found.folder), "lacks": found.lacks}
    return {**card.to_dict(), "here": here}


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["name"],
        row["task"],
        _languages(row),
        _millions(row["parameters"]),
        str(row["max_length"]),
        row["scale"],
        row["licence"] or "not named",
        _here(row["here"]),
    ]


def _languages(row: dict[str, Any]) -> str:
    codes = row["languages"]
    named = "many" if codes == ["mul"] else ", ".join(codes) if len(codes) <= _NAMED else f"{len(codes)}"
    return f"{named} (and its base's)" if row["multilingual"] and codes != ["mul"] else named


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.0f}M"


def _here(found: dict[str, Any] | None) -> str:
    if found is None:
        return "no"
    return "incomplete" if found["lacks"] else found["place"]


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Format rows as columns, each as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in (_COLUMNS, *rows):
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _told(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Format all facts of each card, including the published figures by protocol."""
    for row in rows:
        yield from (f"{name:12} {cell}" for name, cell in zip(_COLUMNS, _cells(row), strict=True))
        if row["here"]:
            yield f"{'folder':12} {row['here']['folder']}"
        if row["here"] and row["here"]["lacks"]:
            yield f"{'lacks':12} {row['here']['lacks']}"
        yield f"{'class':12} {row['architecture']}"
        yield f"{'shown with':12} {', '.join(row['ways']) or 'this library'}"
        yield f"{'card':12} {row['source']}"
        yield from (f"{'note':12} {note}" for note in row["notes"])
        for each in row["published"]:
            figures = ", ".join(f"{metric} {value:.4f}" for metric, value in each["metrics"].items())
            protocol = PROTOCOLS[each["protocol"]]
            yield f"{'published':12} {protocol.name}, {each['dataset']}: {figures}"
