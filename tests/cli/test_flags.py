"""The flags are the options: every one of them, with its values, and nothing repeated by hand."""

from __future__ import annotations

import argparse

import pytest

from pertinence.cli.flags import add_options, flag, options_of
from pertinence.errors import OptionError
from pertinence.options import Options

# One value per option as it is typed, and as it is meant.
TYPED = {
    "model": ("some/model", "some/model"),
    "top_k": ("3", 3),
    "threshold": ("-1.5", -1.5),
    "score_kind": ("logit", "logit"),
    "query_prefix": ("query: ", "query: "),
    "query_suffix": (" ?", " ?"),
    "document_prefix": ("passage: ", "passage: "),
    "document_suffix": (" .", " ."),
    "device": ("cuda:1", "cuda:1"),
    "backend": ("torch", "torch"),
    "dtype": ("bfloat16", "bfloat16"),
    "max_length": ("128", 128),
    "truncation": ("only_second", "only_second"),
    "batch_tokens": ("4096", 4096),
    "max_queued": ("1000", 1000),
    "trust_remote_code": (None, True),
    "revision": ("main", "main"),
    "cache_folder": ("some/folder", "some/folder"),
    "local_files_only": (None, True),
    "model_kwargs": ('{"attn_implementation": "eager"}', {"attn_implementation": "eager"}),
    "base_url": ("http://localhost:8080", "http://localhost:8080"),
    "dialect": ('{"name": "cohere", "scale": "logit"}', {"name": "cohere", "scale": "logit"}),
    "timeout": ("2.5", 2.5),
    "max_retries": ("0", 0),
    "concurrency": ("2", 2),
    "headers": ('{"X-Team": "search"}', {"X-Team": "search"}),
    "verify": ("false", False),
    "proxy": ("http://localhost:3128", "http://localhost:3128"),
}


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser)
    return parser


def test_every_option_but_secrets_has_a_flag(parser: argparse.ArgumentParser) -> None:
    declared = {action.dest for action in parser._actions} - {"help"}
    assert declared == set(TYPED) == set(Options.names()) - {"token", "api_key"}


def test_no_flags_are_the_default_options(parser: argparse.ArgumentParser) -> None:
    assert options_of(parser.parse_args([])) == Options()


@pytest.mark.parametrize("name", TYPED)
def test_a_flag_sets_its_option_and_no_other(parser: argparse.ArgumentParser, name: str) -> None:
    typed, meant = TYPED[name]
    argv = [flag(name)] if typed is None else [f"{flag(name)}={typed}"]
    assert options_of(parser.parse_args(argv)) == Options().with_(**{name: meant})


def test_an_error_speaks_of_the_flag(parser: argparse.ArgumentParser) -> None:
    with pytest.raises(OptionError, match="--top-k must be > 0, but got -2"):
        options_of(parser.parse_args(["--top-k=-2"]))


def test_help_says_what_the_class_says(parser: argparse.ArgumentParser) -> None:
    text = " ".join(parser.format_help().split())
    assert "keep scores greater than or equal to it, before --top-k; no value keeps all" in text
    assert "tokens of a pair, special tokens included; no value takes the model's own limit" in text
    assert "(default: auto)" in text
