"""From collections to tasks: what is ranked under which plan, and which queries are counted how."""

from __future__ import annotations

from pathlib import Path

import pytest

from pertinence.errors import InputError
from pertinence.evaluation import Collection, Evaluation, Plan, Results, open_folder
from pertinence.evaluation.tasks import Task, Tasks, choose_queries
from support.evaluation import Scoring, write_beir


def tasks(collection: Collection, plan: Plan) -> dict[str, Task]:
    assert collection.run is not None
    return {each.query: each for each in Tasks(collection, collection.run, plan)}


def test_the_first_of_the_run_are_ranked_in_its_order(collection: Collection) -> None:
    made = tasks(collection, Plan(top=2))
    assert made["q0"].passages == ("p1", "p0") == made["q0"].first_stage
    assert made["q0"].texts == ["passage 1 about trains", "passage 0 about bread"]
    assert made["q0"].grades == {"p0": 1, "p7": 2}
    assert tasks(collection, Plan(top=None))["q0"].passages == ("p1", "p0", "p7", "p3")


def test_relevant_passages_that_were_missed_come_last_where_they_are_always_ranked(
    collection: Collection,
) -> None:
    made = tasks(collection, Plan(top=2, always_positives=True))
    # The one that was found keeps its place, so a model that ties all of them gains nothing.
    assert made["q0"].passages == ("p1", "p0", "p7") == made["q0"].first_stage
    # A first stage that found none of them scores 0, as sentence-transformers has it.
    assert (made["q2"].passages, made["q2"].first_stage) == (("p5", "p6", "p2"), ())


def test_negatives_are_limited_and_relevant_passages_are_not(collection: Collection) -> None:
    made = tasks(collection, Plan(top=None, always_positives=True, most_negatives=1))
    assert made["q0"].passages == ("p1", "p0", "p7")
    assert made["q1"].passages == ("p1", "p2")


def test_a_candidate_with_the_text_of_a_relevant_passage_is_that_passage(tmp_path: Path) -> None:
    folder = write_beir(
        tmp_path / "twins",
        passages={"a": "same", "b": "same", "c": "other"},
        queries={"q": "what"},
        qrels={"q": {"a": 1}},
        run={"q": ["c", "b"]},
    )
    made = tasks(open_folder(folder), Plan(always_positives=True))
    assert made["q"].passages == ("c", "a")


def test_a_sample_is_settled_by_its_seed_and_not_by_the_order_of_files(
    collection: Collection, folder: Path
) -> None:
    plan = Plan(queries=3, seed=4)
    drawn = set(choose_queries(collection, plan))
    assert len(drawn) == 3
    lines = (folder / "qrels" / "dev.trec").read_text().splitlines()
    (folder / "qrels" / "dev.trec").write_text("\n".join(reversed(lines)))
    assert set(choose_queries(open_folder(folder), plan)) == drawn
    assert set(choose_queries(collection, Plan(queries=9))) == set(collection.qrels)


def evaluated(collection: Collection, plan: Plan, out: Path) -> Results:
    system = Scoring(lambda query, text: float(text.split()[-1] in query))
    return Evaluation(collection=collection, plan=plan, folder=out).run([system])


def test_a_query_without_relevant_passages_is_left_out_of_the_means_and_told(
    collection: Collection, tmp_path: Path
) -> None:
    results = evaluated(collection, Plan(measures=("MRR@10",)), tmp_path)
    assert results.queries == 4
    assert "1 of 5 queries have no relevant passage: they are left out of the means." in results.notes
    # q0, q1 and q3 are put right; of q2 the relevant passage was not found.
    assert results.systems[1].estimates["MRR@10"].mean == pytest.approx(3 / 4)


def test_where_a_protocol_has_it_so_it_counts_as_0_and_both_means_are_told(
    collection: Collection, tmp_path: Path
) -> None:
    plan = Plan(measures=("MRR@10",), without_positives=True)
    results = evaluated(collection, plan, tmp_path)
    assert results.queries == 5
    assert results.systems[1].estimates["MRR@10"].mean == pytest.approx(3 / 5)
    assert results.notes[0].endswith("count as 0. Without them, MRR@10: bm25 0.6250, scoring 0.7500.")


def test_a_query_without_candidates_counts_as_0_and_is_told(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "bm25.trec").read_text().splitlines(keepends=True)
    (folder / "bm25.trec").write_text("".join(line for line in lines if not line.startswith("q1")))
    results = evaluated(open_folder(folder), Plan(measures=("MRR@10",)), tmp_path)
    assert results.systems[1].estimates["MRR@10"].mean == pytest.approx(2 / 4)
    assert "1 of 5 queries have no candidates in bm25: they count as 0." in results.notes


@pytest.mark.parametrize("name", ["top", "most_negatives", "queries"])
def test_a_plan_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} must be > 0, but got 0"):
        Plan(**{name: 0})
