"""`pertinence models`: lists, filters, tells all of one, and says which are here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pertinence.cards import CARDS
from support.hub import put

Command = Callable[..., Any]


def names(ended: Any) -> list[str]:
    return [line["name"] for line in ended.lines]


def test_every_card_is_a_line_of_json_when_piped(command: Command) -> None:
    ended = command("models")
    assert (ended.status, ended.err) == (0, "")
    assert names(ended) == [card.name for card in CARDS]
    assert ended.lines[0]["here"]["place"] == "package"


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (("--task", "embed"), {"Lajavaness/bilingual-embedding-base"}),
        (("--licence", "mit"), {card.name for card in CARDS if card.licence == "MIT"}),
        (("--language", "FR"), {card.name for card in CARDS if card.reads("fr")}),
        (("--task", "embed", "--licence", "MIT"), set()),
    ],
)
def test_filters_keep_what_fits_all_of_them(
    command: Command, filters: tuple[str, ...], kept: set[str]
) -> None:
    ended = command("models", *filters)
    assert ended.status == 0
    assert set(names(ended)) == kept
    assert bool(ended.err) is not bool(kept), "that nothing fits is told"


def test_local_keeps_what_was_downloaded_whole(command: Command, tmp_path: Path) -> None:
    source, cache = tmp_path / "source", tmp_path / "hub"
    source.mkdir()
    for file in ("config.json", "tokenizer.json"):
        (source / file).write_text("{}", encoding="utf-8")
    put(cache, "BAAI/bge-reranker-v2-m3", source)
    (source / "pytorch_model.bin").write_bytes(b"")
    put(cache, "cross-encoder/ms-marco-MiniLM-L6-v2", source)
    ended = command("models", "--local", "--cache-folder", str(cache))
    assert names(ended) == ["pertinence-mini", "cross-encoder/ms-marco-MiniLM-L6-v2"]
    table = command("models", "--table", "--cache-folder", str(cache)).out
    (half,) = [line for line in table.splitlines() if "bge-reranker" in line]
    assert half.endswith("incomplete")


def test_the_table_has_a_line_per_card_under_its_header(command: Command) -> None:
    header, *rows = command("models", "--table").out.splitlines()
    assert header.split() == ["model", "task", "languages", "size", "tokens", "scale", "licence", "here"]
    assert len(rows) == len(CARDS)
    assert rows[1].split()[:5] == [CARDS[1].name, "rerank", "fr", "111M", "256"]


def test_one_model_is_told_in_full_by_any_of_its_names(command: Command) -> None:
    out = command("models", "camembert-base-mmarcofr", "--table").out
    assert "antoinelouis/crossencoder-camembert-base-mmarcoFR" in out
    assert "mmarco-fr-small-dev, mmarco-fr: MRR@10 0.3340" in out
    (line,) = command("models", "camembert-base-mmarcofr").lines
    assert line["published"][0]["metrics"]["MRR@10"] == 0.334


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("camenbert-base-mmarcofr",), "Did you mean antoinelouis/crossencoder-camembert-base-mmarcoFR"),
        (("someone/else",), "pertinence doctor someone/else"),
        (("mmarcofr",), "short for more than one model"),
        (("--language", "French"), "takes a code such as fr"),
    ],
)
def test_what_is_on_no_card_is_an_error_that_helps(
    command: Command, argv: tuple[str, ...], said: str
) -> None:
    ended = command("models", *argv)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_a_card_is_one_json_object_that_can_be_read_back(command: Command) -> None:
    first = command("models", "mini").out
    assert json.loads(first)["scale"] == "probability"
