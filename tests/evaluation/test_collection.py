"""Collections from files: what is read, and what is refused by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pertinence.errors import InputError
from pertinence.evaluation import Collection, Evaluation, Plan, open_data, open_files, open_folder, trec_run
from support.evaluation import write_jsonl, write_run

EMPTY = "\n".join(f'{{"_id": "q{n}", "text": "{" " if n == 1 else "x"}"}}' for n in range(5))


def candidates(collection: Collection) -> dict[str, tuple[str, ...]]:
    assert collection.run is not None
    return {each.query: each.passages for each in collection.run.read()}


def test_a_folder_gives_queries_judgements_passages_and_the_first_stage(folder: Path) -> None:
    collection = open_folder(folder)
    assert (collection.name, len(collection.qrels), collection.corpus.size) == ("small/dev", 5, 8)
    assert collection.qrels["q0"] == {"p0": 1, "p7": 2}
    assert collection.queries["q4"] == "what about sand"
    assert collection.corpus.texts(["p7", "p0"]) == ["passage 7 about cheese", "passage 0 about bread"]
    assert candidates(collection)["q3"] == ("p6", "p0", "p3", "p1")


def test_files_of_any_name_are_the_same(folder: Path) -> None:
    files = open_files(
        corpus=folder / "corpus.jsonl.gz",
        queries=folder / "queries.jsonl",
        qrels=folder / "qrels" / "dev.trec",
        run=folder / "bm25.trec",
    )
    whole = open_folder(folder)
    assert (files.digest, files.qrels, files.queries) == (whole.digest, whole.qrels, whole.queries)
    assert candidates(files) == candidates(whole)


def test_the_digest_tells_other_data(folder: Path) -> None:
    before = open_folder(folder).digest
    assert open_folder(folder).digest == before
    (folder / "qrels" / "dev.trec").write_text("q0 0 p0 1\n")
    assert open_folder(folder).digest != before


def test_a_run_is_read_by_score_as_trec_eval_does_and_ranks_settle_ties(folder: Path) -> None:
    run = folder / "own.trec"
    run.write_text("q0 Q0 p1 1 0.5 x\nq0 Q0 p2 3 0.9 x\nq0 Q0 p3 2 0.9 x\n")
    assert [each.passages for each in trec_run(run).read()] == [("p3", "p2", "p1")]


def test_negative_grades_are_not_relevant(folder: Path) -> None:
    (folder / "qrels" / "dev.trec").write_text("q0 0 p0 -1\nq0 0 p1 2\n")
    assert open_folder(folder).qrels == {"q0": {"p0": 0, "p1": 2}}


@pytest.mark.parametrize(
    ("file", "text", "saying"),
    [
        ("bm25.trec", "q0 Q0 p1 1 9", "line 1: 5 columns where query, Q0, passage, rank, score and name"),
        ("bm25.trec", "q0 Q0 p1 1 9 x\nq0 Q0 p2 2 8 x y", "line 2: 7 columns"),
        ("bm25.trec", "q0 Q0 p1 one 9 x", "line 1: the rank must be a whole number, not 'one'"),
        ("bm25.trec", "q0 Q0 p1 1 high x", "line 1: the score must be a number, not 'high'"),
        ("bm25.trec", "q0 Q0 p1 1 9 x\nq0 Q0 p1 2 8 x", "line 2: query 'q0' has passage 'p1' twice"),
        (
            "bm25.trec",
            "q0 Q0 p1 1 9 x\nq1 Q0 p1 1 9 x\nq0 Q0 p2 2 8 x",
            "line 3: the lines of query 'q0' do not",
        ),
        ("bm25.trec", "q0 Q0 p1 1 9 x\nq0 Q0 p99 2 8 x", "lacks 1 of 2 passages, the first is 'p99'"),
        ("bm25.trec", "z1 Q0 p1 1 9 x", "the first judged is 'q0', the first that has candidates 'z1'"),
        ("qrels/dev.trec", "q0 0 p0 0.5", "line 1: the grade must be a whole number, not 0.5"),
        ("qrels/dev.trec", "z0 0 p0 1", "none of the 1 judged queries has a text; the first judged is 'z0'"),
        ("qrels/dev.trec", "q0 0 p0 1\nz0 0 p0 1", "1 judged queries have no text, the first is 'z0'"),
        ("qrels/dev.trec", "", "no judgements"),
        ("qrels/dev.trec", "q0 0 p0 0\nq1 0 p1 0", "no query that is asked has a relevant passage"),
        ("queries.jsonl", EMPTY, "query 'q1' of bm25: query is empty"),
        ("queries.jsonl", '{"_id": "q0"}', "line 1: '_id' and 'text' must be strings"),
    ],
)
def test_what_cannot_be_used_is_named(
    folder: Path, tmp_path: Path, file: str, text: str, saying: str
) -> None:
    (folder / file).write_text(f"{text}\n")
    with pytest.raises(InputError) as caught:
        Evaluation(collection=open_folder(folder), plan=Plan(), folder=tmp_path / "out").run([])
    assert saying in str(caught.value)
    assert folder.name in str(caught.value)


def test_an_id_that_stands_twice_in_the_corpus_is_named(folder: Path) -> None:
    (folder / "corpus.jsonl.gz").unlink()
    write_jsonl(folder / "corpus.jsonl", [{"_id": "p0", "text": "a"}, {"_id": "p0", "text": "b"}])
    with pytest.raises(InputError, match=r"corpus.jsonl, line 2: the id 'p0' stands there twice"):
        open_folder(folder)


def test_a_query_whose_candidates_are_missing_is_named_with_its_passage(folder: Path, tmp_path: Path) -> None:
    write_run(folder / "bm25.trec", {"q1": ["p1", "gone"]})
    with pytest.raises(
        InputError, match=r"query 'q1' of bm25: .* lacks 1 of 2 passages, the first is 'gone'"
    ):
        Evaluation(collection=open_folder(folder), plan=Plan(), folder=tmp_path / "out").run([])


def test_a_split_that_is_not_there_is_told_with_those_that_are(folder: Path) -> None:
    with pytest.raises(InputError, match="no split 'train', but dev"):
        open_folder(folder, "train")


def test_data_that_is_nowhere_is_told_with_the_nearest_folders_and_datasets(folder: Path) -> None:
    pytest.importorskip("ir_datasets")
    with pytest.raises(InputError, match=f"near it: {folder}"):
        open_data(str(folder.parent / "smal"))
    with pytest.raises(InputError, match=r"near it: .*mmarco/v2/fr/dev/small"):
        open_data("mmarco/v2/fr/dev/smal")
    assert open_data(str(folder)).name == "small/dev"
