"""Where the gate's questions come from: the built-in ones, JSON Lines, and folders in BEIR's form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.errors import InputError
from pertinence.gate import Question, QuestionSet, built_in, calibration_pairs, read_sets
from pertinence.gate.ndcg import share_of_random_orders
from pertinence.gate.sets import evenly

# Built in


def test_built_in_questions_have_passages_from_very_short_to_longer_than_a_model_reads() -> None:
    questions = built_in().questions
    lengths = [len(text.split()) for question in questions for text in question.passages]
    assert len(questions) == 32
    assert all(len(set(question.passages)) == 12 for question in questions)
    assert min(lengths) < 20
    assert max(lengths) > 400


def test_which_passages_answer_does_not_show_in_their_length() -> None:
    def order(question: Question, sign: int) -> list[float]:
        assert question.grades is not None
        places = sorted(range(12), key=lambda place: sign * len(question.passages[place]))
        return [question.grades[place] for place in places]

    from pertinence.gate.ndcg import ndcg

    for sign in (1, -1):
        orders = [order(question, sign) for question in built_in().questions]
        # Whoever ranks by length alone does no better than many a random order.
        assert share_of_random_orders(orders, fmean(map(ndcg, orders))) > 0.05


def test_calibration_and_gate_share_no_question_and_no_sentence() -> None:
    def sentences(texts: Sequence[str]) -> set[str]:
        return {part.strip() for text in texts for part in text.split(".") if part.strip()}

    gate = built_in().questions
    queries, passages = zip(*calibration_pairs(), strict=True)
    assert len(calibration_pairs()) == 144
    assert not {question.query for question in gate} & set(queries)
    assert not sentences([text for each in gate for text in each.passages]) & sentences(passages)


# JSON Lines

ROWS: list[dict[str, Any]] = [
    {"query": "a", "passages": ["x", "y", "z"], "relevant": [2]},
    {"query": "b", "passages": ["x", "y"], "grades": [0, 1.5]},
    {"query": "c", "passages": ["x"]},
]


def write(file: Path, rows: Sequence[object]) -> Path:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    file.write_text(text + "\n", encoding="utf-8")
    return file


def test_a_jsonl_file_gives_questions_with_whatever_judgements_they_have(tmp_path: Path) -> None:
    read = read_sets(write(tmp_path / "own.jsonl", ["\ufeff" + json.dumps(ROWS[0]), "", *ROWS[1:]]))
    assert (read.name, read.total, read.passages) == ("own.jsonl", 3, 6)
    assert [each.query for each in read.questions] == ["a", "b", "c"]
    assert [each.grades for each in read.questions] == [(0, 0, 1), (0, 1.5), None]
    assert [each.judged for each in read.questions] == [True, True, False]


def test_a_gzipped_file_is_the_same(tmp_path: Path) -> None:
    plain = write(tmp_path / "own.jsonl", ROWS)
    packed = tmp_path / "own.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_sets(packed).questions == read_sets(plain).questions


def test_of_many_questions_so_many_are_taken_evenly(tmp_path: Path) -> None:
    rows = [{"query": str(number), "passages": ["x"]} for number in range(10)]
    read = read_sets(write(tmp_path / "own.jsonl", rows), most=4)
    assert ([each.query for each in read.questions], read.total) == (["0", "2", "5", "7"], 10)


@pytest.mark.parametrize(
    ("row", "saying"),
    [
        ("{", "not valid JSON"),
        ([], "must be a JSON object, not list"),
        ({"passages": []}, "no field 'query'; it has 'passages'"),
        ({"query": "q"}, "no field 'passages'; it has 'query'"),
        ({"query": " ", "passages": ["x"]}, "query is empty"),
        ({"query": "q", "passages": "x"}, "'passages' must be a list of texts, not str"),
        ({"query": "q", "passages": []}, "a question has no passages"),
        ({"query": "q", "passages": ["x", 3]}, "document 1 must be a string, not int"),
        ({"query": "q", "passages": ["x"], "relevant": 0}, "'relevant' must be a list of places"),
        ({"query": "q", "passages": ["x"], "relevant": [1]}, "places from 0 to 0, not 1"),
        ({"query": "q", "passages": ["x"], "relevant": [True]}, "places from 0 to 0, not True"),
        ({"query": "q", "passages": ["x"], "grades": [1, 2]}, "2 grades for 1 passages"),
        ({"query": "q", "passages": ["x"], "grades": [-1]}, "not negative, not -1"),
        ({"query": "q", "passages": ["x"], "grades": 1}, "'grades' must be a list of numbers"),
        ({"query": "q", "passages": ["x"], "grades": [1], "relevant": [0]}, "the same thing twice"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_used_is_named_by_file_and_line(
    tmp_path: Path, row: object, saying: str
) -> None:
    file = write(tmp_path / "own.jsonl", [ROWS[0], "", row])
    with pytest.raises(InputError) as caught:
        read_sets(file)
    assert str(caught.value).startswith(f"{file}, line 3: ")
    assert saying in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.jsonl", [""])
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b'{"query": "\xff"}')
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(gzip.compress(b"x" * 9999)[:20])
    for file, saying in (
        (tmp_path / "nowhere.jsonl", "cannot be read: No such file"),
        (empty, "no questions"),
        (binary, "line 1: not UTF-8"),
        (torn, "cannot be read"),
    ):
        with pytest.raises(InputError) as caught:
            read_sets(file)
        assert str(caught.value).startswith(str(file))
        assert saying in str(caught.value)


# BEIR


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """Two judged questions and one without judgements, over three passages."""
    folder = tmp_path / "small"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"p{n}", "title": "T" if n == 1 else "", "text": f"text {n}"} for n in range(3)]
    lines = "\n".join(map(json.dumps, corpus)).encode()
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(lines))
    write(folder / "queries.jsonl", [{"_id": f"q{n}", "text": f"query {n}"} for n in range(3)])
    write(folder / "qrels" / "dev.trec", ["q0 0 p2 1", "q1 0 p0 2", "q1 0 p1 -1"])
    run = [f"q{q} Q0 p{p} {rank} {9 - rank} bm25" for q in range(3) for rank, p in ((2, 0), (1, 2), (3, 1))]
    write(folder / "bm25.trec", run)
    return folder


def test_a_beir_folder_gives_its_judged_questions_with_the_first_stages_candidates(beir: Path) -> None:
    read = read_sets(beir)
    assert (read.name, read.total) == ("small/dev", 2)
    assert read.questions == (
        Question(query="query 0", passages=("text 2", "text 0", "T\ntext 1"), grades=(1, 0, 0)),
        Question(query="query 1", passages=("text 2", "text 0", "T\ntext 1"), grades=(0, 2, 0)),
    )


def test_a_file_of_judgements_names_the_split_and_a_table_may_have_a_header(beir: Path) -> None:
    write(beir / "qrels" / "test.tsv", ["query-id\tcorpus-id\tscore", "q2\tp1\t1"])
    assert read_sets(beir).name == "small/test"
    read = read_sets(beir / "qrels" / "test.tsv")
    assert ([each.query for each in read.questions], read.questions[0].grades) == (["query 2"], (0, 0, 1))
    assert read_sets(beir / "qrels" / "dev.trec").name == "small/dev"


@pytest.mark.parametrize(
    ("file", "text", "saying"),
    [
        ("qrels/dev.trec", "q0 p2 1", "line 1: 3 columns where query, 0, passage and grade were due"),
        ("qrels/dev.trec", "q0 0 p2 x", "line 1: the grade must be a number, not 'x'"),
        ("qrels/dev.trec", "q0 0 p2 1\nq0 0 p2 yes", "line 2: the grade must be a number, not 'yes'"),
        ("qrels/dev.trec", "q9 0 p2 1", "none of its 1 questions has candidates"),
        ("bm25.trec", "q0 Q0 p0 1 9", "line 1: 5 columns"),
        ("bm25.trec", "q0 Q0 p0 first 9 bm25", "line 1: the rank must be a whole number, not 'first'"),
        ("bm25.trec", "q0 Q0 p7 1 9 bm25", "1 ids are missing, the first is 'p7'"),
        ("queries.jsonl", '{"_id": 3, "text": "x"}', "line 1: '_id' and 'text' must be strings"),
        ("queries.jsonl", '{"_id": "q7", "text": "x"}', "2 ids are missing, the first is 'q0'"),
    ],
)
def test_a_file_of_the_folder_that_cannot_be_used_is_named(
    beir: Path, file: str, text: str, saying: str
) -> None:
    (beir / file).write_text(text + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_sets(beir)
    assert saying in str(caught.value)
    assert str(beir) in str(caught.value)


def test_what_is_missing_in_the_folder_is_told(beir: Path) -> None:
    (beir / "qrels" / "dev.trec").rename(beir / "qrels" / "a.trec")
    write(beir / "qrels" / "b.trec", ["q0 0 p2 1"])
    with pytest.raises(InputError, match="a, b: name the file to take"):
        read_sets(beir)
    (beir / "bm25.trec").unlink()
    with pytest.raises(InputError, match=r"holds no bm25.trec and no bm25.trec.gz"):
        read_sets(beir / "qrels" / "a.trec")
    with pytest.raises(InputError, match=r"no .trec or .tsv file"):
        read_sets(beir.parent)


def test_the_data_at_hand_is_read(data: Path) -> None:
    read = read_sets(data / "piaf-fr", most=5)
    assert (read.name, len(read.questions), read.passages) == ("piaf-fr/dev", 5, 100)


# Sets


@given(st.integers(0, 500), st.integers(1, 200))
def test_evenly_takes_different_places_in_order_and_never_too_many(count: int, limit: int) -> None:
    places = list(evenly(count, limit))
    assert len(places) == min(count, limit)
    assert places == sorted(set(places))
    assert all(0 <= place < count for place in places)


def test_a_set_is_told_by_its_content() -> None:
    def digest(*passages: str) -> str:
        question = Question(query="q", passages=passages)
        return QuestionSet(name="s", questions=(question,), total=1).digest

    assert digest("a", "b") == digest("a", "b")
    assert len({digest("a", "b"), digest("b", "a"), digest("ab"), digest("a")}) == 4


def test_a_set_of_no_questions_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="s: no questions"):
        QuestionSet(name="s", questions=(), total=0)
