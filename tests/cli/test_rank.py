"""`pertinence rank`: where documents come from, what is printed, and that it is what `Reranker.rank` says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pertinence import Reranker

Command = Callable[..., Any]

QUERY = "Combien d'habitants compte la ville de Lyon ?"
TEXTS = [
    "Le vélo est bon pour la santé.",
    "La ville de Lyon compte 520 774 habitants.",
    "Lyon est connue pour sa gastronomie.",
]
LINES = "\n".join(TEXTS).encode()
OBJECTS = [{"id": f"d{number}", "text": text, "tags": ["é", None]} for number, text in enumerate(TEXTS)]
JSONL = "\n".join(json.dumps(each) for each in OBJECTS).encode()


def test_the_ranking_is_that_of_the_reranker(command: Command, default_model: Reranker) -> None:
    ranking = default_model.rank(QUERY, TEXTS)
    lines = command("rank", QUERY, *TEXTS).lines
    assert [line["index"] for line in lines] == [item.index for item in ranking]
    assert [line["score"] for line in lines] == pytest.approx(ranking.scores, abs=1e-6)


def test_lines_are_json_objects_with_index_score_and_text_best_first(command: Command) -> None:
    ended = command("rank", QUERY, *TEXTS)
    assert (ended.status, ended.err) == (0, "")
    assert [list(line) for line in ended.lines] == [["index", "score", "text"]] * len(TEXTS)
    assert ended.lines[0]["text"] == TEXTS[1]
    assert all(line["text"] == TEXTS[line["index"]] for line in ended.lines)


def test_a_table_tells_rank_place_score_and_passage(command: Command) -> None:
    ended = command("rank", QUERY, *TEXTS, "--table")
    title, header, first, *others = ended.out.splitlines()
    assert title == "pertinence-mini: 3 of 3, score is a probability"
    assert header.split() == ["rank", "was", "score", "passage"]
    assert first.split(maxsplit=3)[:2] == ["1", "2"]
    assert first.endswith(TEXTS[1])
    assert len(others) == 2


# Where documents come from


@pytest.mark.parametrize("argv", [[], ["-"], ["--documents", "-"]], ids=" ".join)
def test_documents_come_from_standard_input(command: Command, argv: list[str]) -> None:
    assert command("rank", QUERY, *argv, stdin=LINES).lines == command("rank", QUERY, *TEXTS).lines


@pytest.mark.parametrize(
    ("name", "content", "argv"),
    [
        ("docs.txt", LINES, []),
        ("docs.txt", JSONL, ["--format", "jsonl"]),
        ("docs.txt", JSONL, ["--field", "text"]),
        ("docs.jsonl", JSONL, []),
        ("docs.NDJSON", JSONL, []),
        ("docs.jsonl", LINES, ["--format", "lines"]),
    ],
)
def test_documents_come_from_a_file(
    command: Command, tmp_path: Path, name: str, content: bytes, argv: list[str]
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    found = command("rank", QUERY, "--documents", str(file), *argv).lines
    assert [line["text"] for line in found] == [line["text"] for line in command("rank", QUERY, *TEXTS).lines]


def test_objects_keep_their_fields(command: Command) -> None:
    for line in command("rank", QUERY, "--format", "jsonl", stdin=JSONL).lines:
        assert {name: line[name] for name in ("id", "text", "tags")} == OBJECTS[line["index"]]


def test_the_text_may_stand_in_another_field(command: Command) -> None:
    objects = [{"body": text, "text": "not this one"} for text in TEXTS]
    stdin = "\n".join(map(json.dumps, objects)).encode()
    best = command("rank", QUERY, "--field", "body", stdin=stdin).lines[0]
    assert list(best) == ["index", "score", "body", "text"]
    assert (best["index"], best["body"], best["text"]) == (1, TEXTS[1], "not this one")


def test_an_old_score_is_replaced_and_that_is_told(command: Command) -> None:
    ranked = command("rank", QUERY, *TEXTS)
    again = command("rank", QUERY, "--format", "jsonl", stdin=ranked.out.encode())
    assert [line["index"] for line in again.lines] == [0, 1, 2]
    assert "3 of 3 were given a new index or score" in again.err


def test_options_may_stand_between_the_texts(command: Command) -> None:
    ended = command("rank", "--top-k", "2", QUERY, TEXTS[0], "--score-kind", "logit", *TEXTS[1:])
    assert [line["index"] for line in ended.lines] == [1, 2]


def test_what_follows_two_dashes_is_a_text(command: Command) -> None:
    assert {line["text"] for line in command("rank", QUERY, "--", "--top-k", "-5").lines} == {"--top-k", "-5"}


# Options


def test_top_k_and_threshold_choose_what_is_kept(command: Command, default_model: Reranker) -> None:
    scores = default_model.rank(QUERY, TEXTS).scores
    between = str((scores[1] + scores[2]) / 2)
    assert len(command("rank", QUERY, *TEXTS, "--top-k", "1").lines) == 1
    assert len(command("rank", QUERY, *TEXTS, "--threshold", between).lines) == 2


def test_the_score_kind_is_told_in_the_table(command: Command, default_model: Reranker) -> None:
    ended = command("rank", QUERY, *TEXTS, "--score-kind", "logit", "--table")
    assert "score is the model's logit" in ended.out
    with Reranker(score_kind="logit") as reranker:
        assert f"{reranker.rank(QUERY, TEXTS)[0].score:.4f}" in ended.out


# Odd texts


def test_an_empty_line_is_a_document_and_is_counted(command: Command) -> None:
    ended = command("rank", QUERY, stdin=b"\n".join([TEXTS[0].encode(), b"", TEXTS[1].encode()]))
    assert ended.lines[0]["index"] == 2
    assert "1 of 3 was empty" in ended.err


def test_an_empty_line_between_objects_is_none(command: Command) -> None:
    ended = command("rank", QUERY, "--format", "jsonl", stdin=JSONL.replace(b"\n", b"\n \n\n") + b"\n")
    assert (sorted(line["index"] for line in ended.lines), ended.err) == ([0, 1, 2], "")


def test_a_byte_order_mark_and_carriage_returns_are_not_text(command: Command) -> None:
    stdin = b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n")
    assert command("rank", QUERY, stdin=stdin).lines == command("rank", QUERY, *TEXTS).lines


def test_only_a_newline_ends_a_line(command: Command) -> None:
    text = "Lyon\u2028compte\x0b520 774\x85habitants\x1c."
    assert [line["text"] for line in command("rank", QUERY, stdin=text.encode()).lines] == [text]


def test_texts_that_were_cut_are_counted(command: Command) -> None:
    ended = command("rank", QUERY, "Lyon " * 1000, "habitants " * 1000, "Lyon")
    assert ended.status == 0
    assert "2 of 3 were cut to fit the model" in ended.err


def test_a_lone_surrogate_is_counted_and_comes_back_as_it_was(command: Command) -> None:
    ended = command("rank", QUERY, "--format", "jsonl", stdin=b'{"text": "Lyon \\ud83c ville"}')
    assert ended.lines[0]["text"] == "Lyon \ud83c ville"
    assert "1 of 1 was repaired" in ended.err


def test_no_documents_are_no_error(command: Command) -> None:
    ended = command("rank", QUERY, stdin=b"")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == "pertinence rank: there were no documents to rank\n"
