"""`pertinence rank`: sort documents by relevance to a query, for a terminal or a pipe."""

from __future__ import annotations

import argparse
import sys

from pertinence.cli.flags import add_options, options_of
from pertinence.cli.passages import Passage, add_passage_arguments, read_passages
from pertinence.cli.progress import following
from pertinence.cli.show import notes, print_jsonl, print_table
from pertinence.options import Options
from pertinence.ranking import Ranking
from pertinence.texts import check_query

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "put documents in order of relevance to a query"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pertinence rank` to the parser."""
    parser.add_argument("query", metavar="QUERY", help="what is asked")
    add_passage_arguments(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--json",
        dest="as_table",
        action="store_false",
        help="one JSON object per line: index, score and text, or the fields of the object it came in "
        "(default when piped)",
    )
    shape.add_argument(
        "--table", dest="as_table", action="store_true", help="a table (default on a terminal)"
    )
    parser.set_defaults(as_table=None)
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Rank the documents, print them, and report on standard error how texts were changed."""
    options = options_of(arguments)
    query = check_query(arguments.query)
    passages = read_passages(arguments)
    ranking = _rank(options, query, passages)
    as_table = sys.stdout.isatty() if arguments.as_table is None else arguments.as_table
    if as_table:
        print_table(ranking)
    else:
        print_jsonl(ranking)
    for note in notes(ranking) if passages else ["there were no documents to rank"]:
        print(f"pertinence rank: {note}", file=sys.stderr)
    return 0


def _rank(options: Options, query: str, passages: list[Passage]) -> Ranking[Passage]:
    from pertinence.reranker import Reranker

    # Equal texts are scored only once, so the total counts distinct texts.
    distinct = len({passage.text for passage in passages})
    with Reranker.from_options(options) as reranker, following(lambda: reranker.rows_run, distinct):
        return reranker.rank(query, passages, text=lambda passage: passage.text)
