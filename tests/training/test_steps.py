"""Training steps as data: the same for every run, each question in its turn, targets that add up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch

from recipe.averaging import Average
from recipe.batches import Groups
from recipe.losses import listwise, pairwise
from recipe.workers import Worker

COUNTS = {"piaf": 2, "functions": 1}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        {
            "source": source,
            "query": f"question {number} {source}",
            "passages": [f"passage {place} of {number}" for place in range(8)],
            "worth": [1.3, *[0.9 - place / 10 for place in range(7)]]
            if source == "functions"
            else [1.0] + [0.0] * 7,
            "soft": source == "functions",
        }
        for source in COUNTS
        for number in range(6)
    ]
    with gzip.open(tmp_path / "groups.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path / "groups.jsonl.gz"


def test_a_step_is_the_same_whichever_run_takes_it(file: Path) -> None:
    begun = {source: 3 * count for source, count in COUNTS.items()}
    assert Groups(file, seed=7).at(begun, COUNTS, 3) == Groups(file, seed=7).at(begun, COUNTS, 3)
    assert Groups(file, seed=7).at(begun, COUNTS, 3) != Groups(file, seed=8).at(begun, COUNTS, 3)


def test_an_epoch_asks_every_question_once(file: Path) -> None:
    groups = Groups(file, seed=7)
    numbers = [
        group.passages[0].rpartition(" ")[2]
        for step in range(3)
        for group in groups.at({"piaf": 2 * step}, {"piaf": 2}, step)
    ]
    assert sorted(numbers) == [str(number) for number in range(6)]


def test_a_group_has_the_right_passage_first_and_a_target_that_sums_to_one(file: Path) -> None:
    for step in range(20):
        for group in Groups(file, seed=step).at({}, COUNTS, step):
            assert group.passages[0].startswith("passage 0")
            assert len(group.passages) == len(set(group.passages)) == 6
            assert sum(group.target) == pytest.approx(1)
            assert group.target[0] == max(group.target)
            assert group.relevant == (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_only_a_documented_function_is_taught_by_the_bi_encoder(file: Path) -> None:
    french, english = (Groups(file, seed=1).at({}, {source: 1}, 0)[0] for source in ("piaf", "functions"))
    assert french.target[0] == 1
    assert 0.5 < english.target[0] < 1
    hard = Groups(file, seed=1, soft=0).at({}, {"functions": 1}, 0)[0]
    assert hard.target[0] == 1


def test_workers_share_a_step_without_loss() -> None:
    items = list(range(7))
    parts = [Worker(number, 3).part(items) for number in range(3)]
    assert sorted(item for part in parts for item in part) == items


@pytest.mark.parametrize("loss", [listwise, pairwise])
def test_a_loss_falls_where_the_order_gets_better(loss: object) -> None:
    target = torch.tensor([[1.0, 0.0, 0.0], [0.7, 0.3, 0.0]])
    good = torch.tensor([[3.0, 0.0, -1.0], [2.0, 1.0, -2.0]])
    assert loss(good, target) < loss(torch.zeros(2, 3), target) < loss(-good, target)  # type: ignore[operator]


def test_the_average_is_applied_for_a_while_and_taken_back() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = Average(model, 0.5)
    for step, value in enumerate((0.0, 1.0, 3.0), start=1):
        model.weight.data.fill_(value)
        average.add(model, step)
    # The first steps weigh less of the past: 1/11, 2/12 and 3/13 of it.
    expected = 3 - (3 - (1 - 1 / 6 * 1)) * 3 / 13
    with average.applied(model):
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 3
