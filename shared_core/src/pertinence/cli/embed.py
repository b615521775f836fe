"""`pertinence embed`: write one vector per text, as JSON lines or as a numpy array."""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pertinence.cli.flags import add_options, embedder_options_of
from pertinence.cli.passages import Passage, add_passage_arguments, passages_of
from pertinence.cli.progress import following
from pertinence.embedder_options import EmbedderOptions
from pertinence.errors import InputError
from pertinence.scorer import notes_on
from pertinence.texts import is_empty
from pertinence.vectors import Role

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "turn texts into vectors"

# Limits of a chunk, in texts and in characters: enough to fill many batches, and little enough for memory.
_TEXTS = 1024
_CHARACTERS = 4_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pertinence embed` to the parser."""
    add_passage_arguments(parser)
    parser.add_argument(
        "--query",
        action="store_true",
        help="the texts are queries: they get the model's prompt for queries, and --query-prefix",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write to a .npy or .jsonl file in place of standard output; it appears when it is whole",
    )
    add_options(parser, kind=EmbedderOptions)


def run(arguments: argparse.Namespace) -> int:
    """Embed and write the texts chunk by chunk, then report on standard error how texts were changed."""
    options = embedder_options_of(arguments)
    passages = passages_of(arguments)
    from pertinence.cli.vectors import open_writer
    from pertinence.embedder import Embedder

    role: Role = "query" if arguments.query else "document"
    total = truncated = empty = repaired = 0
    told = True
    with ExitStack() as opened:
        opened.enter_context(_cuts_untold())
        embedder = opened.enter_context(Embedder.from_options(options))
        writer = opened.enter_context(open_writer(arguments.output))
        opened.enter_context(following(lambda: embedder.rows_run, None))
        for chunk in _chunks(passages, min(_TEXTS, options.max_queued or _TEXTS)):
            if arguments.query:
                _check_queries(chunk)
            found = embedder.embed([passage.text for passage in chunk], role)
            writer.write(chunk, found.values)
            total += len(chunk)
            told &= found.truncated is not None
            truncated += found.truncated or 0
            empty += found.empty
            repaired += found.repaired
        if not total and arguments.output is not None:
            writer.write([], embedder.embed([]).values)
    notes = notes_on(total, truncated=truncated if told else None, empty=empty, repaired=repaired)
    if writer.renamed:
        notes.append(f"{writer.renamed} of {total} had a field named index or vector, which is replaced")
    for note in notes if total else ["there were no texts to embed"]:
        print(f"pertinence embed: {note}", file=sys.stderr)
    return 0


@contextmanager
def _cuts_untold() -> Iterator[None]:
    """Silence the log's warnings about truncated texts: the command itself reports their number, once."""
    logger = logging.getLogger("pertinence.embedder")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _chunks(passages: Iterator[Passage], most: int) -> Iterator[list[Passage]]:
    """Yield the texts in chunks of at most `most` texts, each small enough for memory."""
    while chunk := list(_chunk(passages, most)):
        yield chunk


def _chunk(passages: Iterator[Passage], most: int) -> Iterator[Passage]:
    room = _CHARACTERS
    for passage in itertools.islice(passages, most):
        yield passage
        room -= len(passage.text)
        if room <= 0:
            return


def _check_queries(chunk: list[Passage]) -> None:
    for passage in chunk:
        if is_empty(passage.text):
            raise InputError(f"{passage.place}: a query is empty or only whitespace")
