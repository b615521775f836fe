"""Arguments of `pertinence evaluate`."""

from __future__ import annotations

import argparse

from pertinence.cli.flags import add_options

__all__ = ["DEFAULT", "FILES", "add_arguments"]

# Name of the embedded model on the command line.
DEFAULT = "default"
# Files of a collection, for use without a data folder.
FILES = ("corpus", "queries", "qrels")
_OPTIONS = (
    *("query_prefix", "query_suffix", "document_prefix", "document_suffix"),
    *("device", "backend", "dtype", "max_length", "truncation", "batch_tokens"),
    *("trust_remote_code", "revision", "cache_folder", "local_files_only", "model_kwargs"),
    *("base_url", "dialect", "timeout", "max_retries", "concurrency", "headers", "verify", "proxy"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pertinence evaluate` to the parser."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="*",
        help=f"a reranker: a folder, a name on the hub or on a card, or {DEFAULT!r}, the embedded one, "
        "which is taken if nothing is named; with --base-url, the server's name for it. NAME=MODEL gives it "
        "a name in the report",
    )
    parser.add_argument(
        "--embedder",
        dest="embedders",
        metavar="MODEL",
        action="append",
        default=[],
        help="an embedding model: it reranks by cosine, and retrieves from the whole corpus; may be given "
        "again",
    )
    parser.add_argument(
        "--no-retrieval",
        action="store_true",
        help="embedders rerank alone: to retrieve, they must embed the whole corpus first",
    )
    _add_data(parser)
    _add_plan(parser)
    told = parser.add_argument_group("what comes out")
    told.add_argument(
        "--output",
        metavar="FOLDER",
        help="write report.html, report.json, runs in TREC's form and checkpoints there",
    )
    told.add_argument("--json", dest="as_json", action="store_true", help="print JSON in place of a table")
    told.add_argument(
        "--fresh", action="store_true", help="rank everything anew, whatever stopped or finished before"
    )
    add_options(parser, _OPTIONS)


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument(
        "--protocol",
        metavar="NAME",
        help="as models' cards were made: data, candidates and measures; see docs",
    )
    data.add_argument(
        "--data",
        metavar="PATH",
        action="append",
        help="a folder in BEIR's form, or an id of ir_datasets; may be given again",
    )
    data.add_argument(
        "--split", metavar="NAME", help="which judgements of a folder (default: test, dev or the only one)"
    )
    for name, text in zip(
        FILES, ("passages, JSON Lines", "queries, JSON Lines", "judgements, in TREC's form"), strict=True
    ):
        data.add_argument(f"--{name}", metavar="FILE", help=f"{text}; in place of --data")
    data.add_argument(
        "--run", metavar="FILE", help="candidates in TREC's form, in place of those of the data"
    )


def _add_plan(parser: argparse.ArgumentParser) -> None:
    plan = parser.add_argument_group("how")
    plan.add_argument(
        "--first-stage",
        metavar="NAME",
        help="where candidates come from: run, bm25, or one of the embedders "
        "(default: the run of the data, else bm25)",
    )
    plan.add_argument(
        "--top", metavar="N", type=int, help="rerank so many of the first stage's best (default: 100)"
    )
    plan.add_argument("--sample", metavar="N", type=int, help="ask only so many of the judged queries")
    plan.add_argument("--seed", metavar="N", type=int, help="of the sample (default: 0)")
    plan.add_argument(
        "--always-positives",
        action="store_true",
        default=None,
        help="rerank relevant passages even where the first stage missed them",
    )
    plan.add_argument(
        "--measures",
        metavar="NAME",
        nargs="+",
        help="RP, MRR@k, nDCG@k, MAP, R@k, P@k (default: RP MRR@10 nDCG@10 MAP R@10)",
    )
