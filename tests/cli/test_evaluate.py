"""`pertinence evaluate`: one command from a folder of questions to a table, JSON, runs and a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from remote.servers.cohere import Cohere

from pertinence.gate import built_in
from support.embedders import build_embedder
from support.evaluation import write_beir

Command = Callable[..., Any]
KEY = "sk-not-to-be-shown"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path) -> Iterator[Path]:
    """A cache of its own: what one test ranked is nothing to another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERTINENCE_CACHE", str(tmp_path / "cache"))
        yield tmp_path / "cache"


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six of the built-in questions with their shorter passages, in BEIR's form."""
    passages: dict[str, str] = {}
    queries, qrels, run = {}, {}, {}
    for number, question in enumerate(built_in().questions[::6]):
        assert question.grades is not None
        mine = {
            f"p{number}-{place}": (text, int(grade))
            for place, (text, grade) in enumerate(zip(question.passages, question.grades, strict=True))
            if len(text.split()) < 60
        }
        passages |= {key: text for key, (text, _) in mine.items()}
        queries[f"q{number}"] = question.query
        qrels[f"q{number}"] = {key: grade for key, (_, grade) in mine.items()}
        run[f"q{number}"] = list(mine)
    folder = tmp_path_factory.mktemp("data") / "questions"
    return write_beir(folder, passages=passages, queries=queries, qrels=qrels, run=run)


def test_a_folder_is_all_it_takes(command: Command, questions: Path) -> None:
    ended = command("evaluate", "--data", str(questions), "--top", "5")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith("questions/dev: ")
    assert lines[2].split() == ["RP", "MRR@10", "nDCG@10", "MAP", "R@10", "ms/query"]
    assert [line.split()[0] for line in lines[3:5]] == ["bm25", "default"]
    assert any(line.startswith("default - bm25") for line in lines)


def test_the_same_command_again_ranks_nothing_and_says_so(command: Command, questions: Path) -> None:
    arguments = ("evaluate", "default", "--data", str(questions), "--top", "5")
    first, second = command(*arguments), command(*arguments)
    assert second.out == first.out
    assert "default: all 6 were done before" in second.err
    assert "done before" not in command(*arguments, "--fresh").err


def test_an_output_folder_gets_page_json_runs_and_checkpoints(
    command: Command, questions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = command(
        *("evaluate", "--data", str(questions), "--top", "5", "--sample", "4", "--seed", "3"),
        *("--measures", "MRR@10", "R@5", "--output", str(out), "--json"),
    )
    assert ended.status == 0
    report = json.loads(ended.out)
    assert report == json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (report["plan"]["queries"], report["plan"]["seed"]) == (4, 3)
    assert [each["name"] for each in report["results"][0]["systems"]] == ["bm25", "default"]
    facts = report["results"][0]["systems"][1]["facts"]
    assert {"fingerprint", "backend", "dtype", "max_length"} <= facts.keys()
    assert "<svg" in (out / "report.html").read_text(encoding="utf-8")
    assert len((out / "runs" / "questions-dev" / "default.trec").read_text().splitlines()) > 4
    assert (out / "checkpoints" / "questions-dev" / "default.jsonl").is_file()
    # Whoever gets the report learns nothing of folders of the one who made it.
    assert str(questions.parent) not in ended.out + (out / "report.html").read_text(encoding="utf-8")


def test_a_checkpoint_of_other_options_is_refused_by_name(
    command: Command, questions: Path, tmp_path: Path
) -> None:
    arguments = ("evaluate", "--data", str(questions), "--top", "5", "--output", str(tmp_path / "out"))
    assert command(*arguments).status == 0
    ended = command(*arguments[:4], "4", *arguments[5:])
    assert ended.status == 2
    assert "is of another evaluation: plan top is 5 there and 4 here" in ended.err
    assert command(*arguments[:4], "4", *arguments[5:], "--fresh").status == 0


def test_files_of_any_name_and_a_run_of_ones_own(command: Command, questions: Path) -> None:
    ended = command(
        *(
            "evaluate",
            "--corpus",
            str(questions / "corpus.jsonl.gz"),
            "--queries",
            str(questions / "queries.jsonl"),
        ),
        *(
            "--qrels",
            str(questions / "qrels" / "dev.trec"),
            "--run",
            str(questions / "bm25.trec"),
            "--top",
            "3",
        ),
    )
    assert ended.status == 0
    assert ended.out.startswith("dev: ")


def test_bm25_and_an_embedder_as_first_stage_and_names_of_ones_own(
    command: Command, questions: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="embedding needs the extra 'torch'")
    model = build_embedder("tiny-embedder", tmp_path / "model")
    ended = command(
        *(
            "evaluate",
            "small=default",
            "--embedder",
            f"random={model}",
            "--data",
            str(questions),
            "--top",
            "5",
        ),
        *("--first-stage", "bm25", "--json"),
    )
    assert ended.status == 0, ended.err
    systems = json.loads(ended.out)["results"][0]["systems"]
    assert [(each["name"], each["kind"]) for each in systems] == [
        ("BM25", "first stage"),
        ("small", "reranker"),
        ("random retrieval", "retrieval"),
        ("random", "embedder"),
    ]
    ended = command(
        *("evaluate", "--embedder", str(model), "--data", str(questions), "--top", "5"),
        *("--first-stage", str(model), "--json"),
    )
    systems = json.loads(ended.out)["results"][0]["systems"]
    assert [each["name"] for each in systems] == ["model retrieval", "model"]
    ended = command(
        *("evaluate", "--embedder", str(model), "--data", str(questions), "--top", "5"),
        *("--no-retrieval", "--json"),
    )
    systems = json.loads(ended.out)["results"][0]["systems"]
    assert [each["kind"] for each in systems] == ["first stage", "embedder"]


def test_a_server_is_evaluated_like_a_model_and_its_key_is_nowhere(
    command: Command, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERTINENCE_API_KEY", KEY)
    out = tmp_path / "out"
    with Cohere(key=KEY) as server:
        ended = command(
            *("evaluate", Cohere.model, "--base-url", server.url, "--data", str(questions), "--top", "5"),
            *("--output", str(out), "--json"),
        )
    assert ended.status == 0, ended.err
    system = json.loads(ended.out)["results"][0]["systems"][1]
    assert (system["name"], system["facts"]["options"]["model"]) == (Cohere.model, Cohere.model)
    written = [file.read_text(encoding="utf-8") for file in out.rglob("*") if file.is_file()]
    assert len(written) == 6
    assert not [text for text in [ended.out, ended.err, *written] if KEY in text]


def test_a_protocol_over_data_of_ones_own_measures_as_the_cards_do(command: Command, questions: Path) -> None:
    ended = command("evaluate", "--protocol", "nanobeir-r100", "--data", str(questions))
    assert ended.status == 0
    assert ended.out.startswith("protocol nanobeir-r100: NanoBEIR")
    assert "MAP" in ended.out


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        ((), "on what? Name --data, --protocol, or --corpus, --queries, --qrels"),
        (("--data", "no/such/folder"), "no data 'no/such/folder': neither a folder nor an id of ir_datasets"),
        (("--data", "mmarco/v2/fr/dev/smal"), "near it: mmarco/v2/fr/dev/small"),
        (("--protocol", "nanobeir"), "did you mean 'nanobeir-r100'?"),
        (("--corpus", "x"), "name --corpus, --queries, --qrels together, or --data"),
        (("--data", "{questions}", "--measures", "ndgc@10"), "did you mean 'nDCG@10'?"),
        (("--data", "{questions}", "--split", "train"), "no split 'train', but dev"),
        (("--data", "{questions}", "--top", "0"), "top must be > 0, but got 0"),
        (("--data", "{questions}", "--first-stage", "bm52"), "did you mean 'bm25'?"),
        (("--data", "{questions}", "--run", "{questions}/queries.jsonl"), "queries.jsonl, line 1: "),
        (
            ("crossencoder-camembert-L2-mmarcoF", "--data", "{questions}"),
            "crossencoder-camembert-L2-mmarcoFR",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line_with_the_nearest_name(
    command: Command, questions: Path, arguments: tuple[str, ...], saying: str
) -> None:
    pytest.importorskip("ir_datasets")
    ended = command("evaluate", *(each.format(questions=questions) for each in arguments))
    assert (ended.status, ended.out) == (2, "")
    last = ended.err.splitlines()[-1]
    assert last.startswith("pertinence evaluate: error: ")
    assert saying in last
