"""Checkpoints: what was ranked stays, wherever a process is stopped, and nothing is ranked twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pertinence.errors import InputError
from pertinence.evaluation import Collection, Evaluation, Plan, Results, open_folder
from pertinence.evaluation.checkpoint import Checkpoint, Ranked
from support.evaluation import Scoring
from support.waiting import HANGS

HEADER = {"system": {"fingerprint": "abc"}, "data": {"name": "small", "digest": "123"}}
RANKED = [
    Ranked(query=f"q{n}", passages=("a", "é"), scores=(1 / 3, -n / 7), seconds=0.25, truncated=None)
    for n in range(4)
]


def length(query: str, text: str) -> float:
    return float(len(set(query) & set(text))) + len(text) / 100


def stored(file: Path) -> list[Ranked]:
    with Checkpoint(file, HEADER).open() as checkpoint:
        return list(checkpoint)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "some" / "where.jsonl"
    with Checkpoint(file, HEADER).open() as checkpoint:
        for each in RANKED:
            checkpoint.add(each)
    return file


def test_rankings_come_back_in_order_with_scores_to_the_last_bit_of_float32(file: Path) -> None:
    import numpy as np

    back = stored(file)
    assert [(each.query, each.passages, each.truncated) for each in back] == [
        (each.query, each.passages, each.truncated) for each in RANKED
    ]
    for mine, theirs in zip(back, RANKED, strict=True):
        assert np.float32(mine.scores).tolist() == np.float32(theirs.scores).tolist()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(share=st.floats(0, 1))
def test_cut_anywhere_every_whole_line_is_kept_and_the_work_goes_on(file: Path, share: float) -> None:
    whole = file.read_bytes()
    try:
        cut = round(len(whole) * share)
        file.write_bytes(whole[:cut])
        kept = max(0, whole[:cut].count(b"\n") - 1)
        with Checkpoint(file, HEADER).open() as checkpoint:
            assert [each.query for each in checkpoint] == [f"q{n}" for n in range(kept)]
            checkpoint.add(RANKED[kept] if kept < 4 else RANKED[0])
        assert len(stored(file)) == kept + 1
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize(
    ("header", "saying"),
    [
        ({**HEADER, "system": {"fingerprint": "xyz"}}, 'system fingerprint is "abc" there and "xyz" here'),
        ({**HEADER, "data": {"name": "small", "digest": "456"}}, 'data digest is "123" there and "456" here'),
        ({**HEADER, "plan": {"top": 20}}, 'plan is null there and {"top": 20} here'),
    ],
)
def test_of_another_model_other_data_or_another_plan_it_is_refused_by_name(
    file: Path, header: dict[str, object], saying: str
) -> None:
    with pytest.raises(InputError) as caught:
        Checkpoint(file, header).open()
    assert str(caught.value).startswith(f"{file} is of another evaluation: {saying}")
    with Checkpoint(file, header).open(fresh=True) as checkpoint:
        assert list(checkpoint) == []


def test_what_is_no_checkpoint_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_text("my notes\n")
    with pytest.raises(InputError, match="is no checkpoint of an evaluation"):
        Checkpoint(file, HEADER).open()
    assert file.read_text() == "my notes\n"


def test_a_line_that_was_damaged_is_named(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], b"}{\n", *lines[3:]]))
    with pytest.raises(InputError, match=r"where.jsonl, line 3: damaged"):
        stored(file)


def test_a_file_that_somebody_is_writing_is_left_to_them(file: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        Checkpoint(file, HEADER).open(),
        pytest.raises(InputError, match="is being written by another process"),
    ):
        Checkpoint(file, HEADER).open()
    assert len(stored(file)) == 4


# In an evaluation

PLAN = Plan(measures=("MRR@10", "nDCG@10"))


def run(collection: Collection, system: Scoring, out: Path, **more: object) -> Results:
    return Evaluation(collection=collection, plan=PLAN, folder=out, **more).run([system])  # type: ignore[arg-type]


def values(results: Results) -> list[object]:
    return [each.values.tolist() for each in results.systems]


def test_an_evaluation_that_failed_midway_goes_on_and_ranks_nothing_twice(
    collection: Collection, tmp_path: Path
) -> None:
    whole = run(collection, Scoring(length), tmp_path / "whole")

    def failing(query: str, text: str) -> float:
        if "snow" in query:
            raise RuntimeError("the power went")
        return length(query, text)

    first = Scoring(failing)
    with pytest.raises(RuntimeError, match="the power went"):
        run(collection, first, tmp_path / "out")
    assert first.closed
    held = (tmp_path / "out" / "scoring.jsonl").read_text().splitlines()
    assert len(held) == 1 + 2  # a header, and what came before

    second = Scoring(length)
    again = run(collection, second, tmp_path / "out")
    assert sorted(second.ranked) == ["q2", "q3", "q4"]
    assert values(again) == values(whole)
    assert again.comparisons == whole.comparisons

    third = Scoring(length)
    assert values(run(collection, third, tmp_path / "out")) == values(whole)
    assert (third.ranked, third.warm_ups) == ([], 0)
    run(collection, third, tmp_path / "out", fresh=True)
    assert len(third.ranked) == 5


def test_other_measures_need_no_new_ranking(collection: Collection, tmp_path: Path) -> None:
    run(collection, Scoring(length), tmp_path)
    system = Scoring(length)
    plan = PLAN.with_(measures=("MAP", "RP"))
    results = Evaluation(collection=collection, plan=plan, folder=tmp_path).run([system])
    assert (system.ranked, results.measures) == ([], ("MAP", "RP"))


def test_a_model_that_changed_is_refused_and_has_a_file_of_its_own_where_names_are_keyed(
    collection: Collection, tmp_path: Path
) -> None:
    run(collection, Scoring(length, facts={"fingerprint": "a"}), tmp_path / "out")
    with pytest.raises(InputError, match='system fingerprint is "a" there and "b" here'):
        run(collection, Scoring(length, facts={"fingerprint": "b"}), tmp_path / "out")
    for fingerprint in ("a", "b", "a"):
        run(collection, Scoring(length, facts={"fingerprint": fingerprint}), tmp_path / "keyed", keyed=True)
    assert len(list((tmp_path / "keyed").glob("*-scoring.jsonl"))) == 2


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {support!r})
from support.evaluation import Scoring
from pertinence.evaluation import Evaluation, Plan, open_folder

def slowly(query, text):
    time.sleep(0.02)
    return float(len(set(query) & set(text))) + len(text) / 100

Evaluation(
    collection=open_folder(Path({folder!r})), plan=Plan(measures=("MRR@10", "nDCG@10")), folder=Path({out!r})
).run([Scoring(slowly)])
"""


def test_killed_in_the_middle_it_goes_on_and_finds_what_it_would_have_found(
    tmp_path: Path,
) -> None:
    from support.evaluation import write_beir

    passages = {f"p{n}": f"passage {n} on {'abcdefghij'[n % 10] * (n % 7 + 1)}" for n in range(40)}
    queries = {f"q{n}": f"question {'jihgfedcba'[n % 10] * 3} {n}" for n in range(60)}
    folder = write_beir(
        tmp_path / "larger",
        passages=passages,
        queries=queries,
        qrels={query: {f"p{n % 40}": 1} for n, query in enumerate(queries)},
        run={query: [f"p{(n + step) % 40}" for step in range(4)] for n, query in enumerate(queries)},
    )
    whole = run(open_folder(folder), Scoring(length), tmp_path / "whole")
    out, file = tmp_path / "out", tmp_path / "out" / "scoring.jsonl"
    support = str(Path(__file__).parents[1])
    script = KILLED.format(support=support, folder=str(folder), out=str(out))
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        limit = time.monotonic() + HANGS
        while not file.is_file() or file.read_bytes().count(b"\n") < 6:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < limit, "it ranked nothing"
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.wait()
    held = file.read_bytes().count(b"\n") - 1
    assert 5 <= held < len(queries)
    second = Scoring(length)
    again = run(open_folder(folder), second, out)
    assert len(second.ranked) == len(queries) - held
    assert values(again) == values(whole)
    assert again.comparisons == whole.comparisons
