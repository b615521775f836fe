"""Documents of a command, from arguments, a file or standard input, as text lines or JSONL."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from pertinence.datafiles import as_object, decoded
from pertinence.errors import InputError

__all__ = ["Passage", "add_passage_arguments", "passages_of", "read_passages"]

_STDIN = "-"
_JSONL_SUFFIXES = {".jsonl", ".ndjson"}


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Text, the JSON object that held it (if any), and its position in the input, for error messages."""

    text: str
    record: Mapping[str, Any] | None = None
    place: str = field(default="", compare=False)


def add_passage_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where the documents come from and how to read them."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="DOCUMENT",
        help="a text; `-` alone reads standard input, as does naming no documents at all",
    )
    parser.add_argument(
        "--documents", metavar="FILE", help="read the documents from a file; `-` is standard input"
    )
    parser.add_argument(
        "--format",
        choices=("lines", "jsonl"),
        help="one text per line, or one JSON object per line (default: by the file's extension)",
    )
    parser.add_argument(
        "--field",
        metavar="NAME",
        help="field of a JSON object that holds its text (default: text); implies jsonl",
    )


def read_passages(arguments: argparse.Namespace) -> list[Passage]:
    """Read all documents that the arguments name.

    Raises:
        InputError: as for `passages_of`.
    """
    return list(passages_of(arguments))


def passages_of(arguments: argparse.Namespace) -> Iterator[Passage]:
    """Return an iterator over the documents that the arguments name, which reads them one by one.

    Raises:
        InputError: no documents are named, they are named twice, or the input is invalid; the message names
            the file and the line.
    """
    words: list[str] = arguments.words
    source: str | None = arguments.documents
    if words and source is not None:
        raise InputError("documents are given as arguments and with --documents: choose one")
    if words and words != [_STDIN]:
        if arguments.format or arguments.field:
            raise InputError("--format and --field say how to read a file or standard input, not arguments")
        if _STDIN in words:
            raise InputError("`-` reads standard input only when it stands alone")
        return (Passage(text=word, place=f"text {number}") for number, word in enumerate(words, start=1))
    if words or source == _STDIN:
        return _read(sys.stdin.buffer, "standard input", arguments)
    if source is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("no documents: give them as arguments, with --documents, or on standard input")
        return _read(sys.stdin.buffer, "standard input", arguments)
    return _read_file(source, arguments)


def _read_file(source: str, arguments: argparse.Namespace) -> Iterator[Passage]:
    try:
        with open(source, "rb") as file:
            yield from _read(file, source, arguments)
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}") from error


def _read(file: BinaryIO, name: str, arguments: argparse.Namespace) -> Iterator[Passage]:
    by_name = "jsonl" if arguments.field or Path(name).suffix.lower() in _JSONL_SUFFIXES else "lines"
    lines = decoded(file, name)
    if (arguments.format or by_name) == "lines":
        return (Passage(text=line, place=place) for place, line in lines)
    name_of_text = arguments.field or "text"
    # A blank line of JSONL is no object, so it is skipped. In a text file, it is an empty document.
    return (_parse(line, place, name_of_text) for place, line in lines if line and not line.isspace())


def _parse(line: str, place: str, name: str) -> Passage:
    record = as_object(line, place)
    if name not in record:
        raise InputError(f"{place}: no field {name!r}; it has {', '.join(map(repr, record)) or 'none'}")
    if not isinstance(record[name], str):
        raise InputError(f"{place}: field {name!r} must be a string, not {type(record[name]).__name__}")
    return Passage(text=record[name], record=record, place=place)
