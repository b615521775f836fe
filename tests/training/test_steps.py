"""Training steps as data: the same for every run, each question in its turn, targets that add up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertModel

from recipe.averaging import Average
from recipe.batches import Groups
from recipe.between import mean
from recipe.bilingual import at
from recipe.languages import LANGUAGES
from recipe.losses import listwise, pairwise
from recipe.lowered import Lowered
from recipe.model import classifier, plain_attention
from recipe.train import mix
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
            "titles": [f"Title {place}" for place in range(8)] if source == "piaf" else [],
            "soft": source == "functions",
        }
        for source in COUNTS
        for number in range(6)
    ]
    with gzip.open(tmp_path / "groups.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path / "groups.jsonl.gz"


def test_a_step_is_the_same_whichever_run_takes_it(file: Path) -> None:
    assert Groups(file, seed=7).at(COUNTS, 3) == Groups(file, seed=7).at(COUNTS, 3)
    assert Groups(file, seed=7).at(COUNTS, 3) != Groups(file, seed=8).at(COUNTS, 3)


def test_no_more_sources_are_read_than_are_asked_for(file: Path) -> None:
    groups = Groups(file, seed=7, sources={"piaf"})
    assert {group.source for group in groups.at({"piaf": 3}, 0)} == {"piaf"}
    with pytest.raises(KeyError):
        groups.at({"functions": 1}, 0)


def test_an_epoch_asks_every_question_once(file: Path) -> None:
    groups = Groups(file, seed=7)
    numbers = [
        group.passages[0].rpartition(" ")[2] for step in range(3) for group in groups.at({"piaf": 2}, step)
    ]
    assert sorted(numbers) == [str(number) for number in range(6)]


def test_a_group_has_the_right_passage_first_and_a_target_that_sums_to_one(file: Path) -> None:
    for step in range(20):
        for group in Groups(file, seed=step).at(COUNTS, step):
            assert group.passages[0].splitlines()[-1].startswith("passage 0")
            assert len(group.passages) == len(set(group.passages)) == 6
            assert sum(group.target) == pytest.approx(1)
            assert group.target[0] == max(group.target)
            assert group.relevant == (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_only_what_the_bi_encoder_has_judged_is_taught_by_the_bi_encoder(file: Path) -> None:
    french, english = (Groups(file, seed=1).at({source: 1}, 0)[0] for source in ("piaf", "functions"))
    assert french.target[0] == 1
    assert 0.5 < english.target[0] < 1
    hard = Groups(file, seed=1, soft=0).at({"functions": 1}, 0)[0]
    assert hard.target[0] == 1


def test_workers_share_a_step_without_loss() -> None:
    items = list(range(7))
    parts = [Worker(number, 3).part(items) for number in range(3)]
    assert sorted(item for part in parts for item in part) == items


def test_workers_of_a_step_read_about_as_much() -> None:
    lengths = [900, 20, 30, 800, 500, 40, 10, 600]
    parts = [Worker(number, 2).part(lengths, lambda length: length) for number in range(2)]
    assert [len(part) for part in parts] == [4, 4]
    assert abs(sum(parts[0]) - sum(parts[1])) <= 50


def test_a_title_stands_on_a_line_before_its_own_passage_for_all_of_a_question_or_none(file: Path) -> None:
    for step in range(20):
        for group in Groups(file, seed=step).at(COUNTS, step):
            titles = [text.rpartition("\n")[0] for text in group.passages]
            places = [text.rpartition("\n")[2].split()[1] for text in group.passages]
            assert titles in ([""] * 6, [f"Title {place}" for place in places])
            assert group.source == "piaf" or not any(titles)
    titled = [Groups(file, seed=7, titles=share).at({"piaf": 6}, 0) for share in (0.0, 1.0)]
    assert [any("\n" in g.passages[0] for g in groups) for groups in titled] == [False, True]


def test_a_drawn_passage_stands_for_those_that_were_not(file: Path) -> None:
    group = Groups(file, seed=7).at({"piaf": 1}, 0)[0]
    # One right passage, and five drawn of seven wrong ones; the later ones more seldom.
    places = [int(text.splitlines()[-1].split()[1]) for text in group.passages]
    assert group.stands_for[0] == pytest.approx(1 / 8)
    assert sum(group.stands_for) == pytest.approx(1)
    by_place = [weight for _, weight in sorted(zip(places, group.stands_for, strict=True))][1:]
    assert by_place == sorted(by_place)
    assert 0 < by_place[0] < 7 / 5 / 8 < by_place[-1]
    alike = Groups(file, seed=7, natural=False).at({"piaf": 1}, 0)[0]
    assert alike.stands_for == pytest.approx([1 / 6] * 6)
    filled = Groups(file, seed=7, negatives=9).at({"piaf": 1}, 0)[0]
    assert filled.stands_for[0] == pytest.approx(1 / 8)
    assert min(filled.stands_for[:8]) > 0
    assert filled.stands_for[8:] == (0, 0)


@pytest.mark.parametrize("layers", [1, 3])
def test_fewer_layers_are_taken_evenly_from_the_encoder(tmp_path: Path, layers: int) -> None:
    config = BertConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=6, intermediate_size=8)
    BertModel(config).save_pretrained(tmp_path)
    whole, cut = (classifier(tmp_path, 1, count) for count in (None, layers))
    assert cut.config.num_hidden_layers == layers
    for place, layer in enumerate(cut.bert.encoder.layer):
        same = whole.bert.encoder.layer[place * 6 // layers].state_dict()
        assert all(torch.equal(weight, same[name]) for name, weight in layer.state_dict().items())


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


def test_a_language_keeps_its_share_of_a_step_whatever_is_left_out() -> None:
    for changed in (mix(), mix(["services", "functions"])):
        french = sum(count for source, count in changed.items() if LANGUAGES.get(source, "fr") == "fr")
        assert (french, sum(changed.values())) == (7, 10)
    assert mix(["services"])["piaf"] == mix()["piaf"] + mix()["services"]
    assert mix(["services"], [("services", 2), ("piaf", 4)])["piaf"] == 6


def test_what_computes_in_bfloat16_learns_in_float32() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    lowered = Lowered(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0**-10)
    for _ in range(4):
        lowered.follow()
        lowered.network(torch.ones(1, 1, dtype=torch.bfloat16)).sum().backward()
        lowered.hand_over()
        optimizer.step()
    # Four steps of 2^-10, each of them less than bfloat16 can take from 1.
    assert model.weight.item() == 1 - 4 * 2.0**-10
    assert lowered.network.weight.grad is None


def test_attention_in_plain_products_is_the_fused_ones(tmp_path: Path) -> None:
    config = BertConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=2, intermediate_size=8)
    BertModel(config).save_pretrained(tmp_path)
    model = classifier(tmp_path, 1).eval()
    ids, mask = torch.arange(1, 13).view(2, 6), torch.ones(2, 6, dtype=torch.long)
    mask[1, 4:] = 0
    fused = model(input_ids=ids, attention_mask=mask).logits
    plain_attention(model)
    torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, fused, atol=1e-6, rtol=0)


@given(st.integers(1, 400), st.integers(1, 9), st.integers(0, 3))
@settings(deadline=None)
def test_a_pass_over_the_translations_reads_each_once(count: int, texts: int, seed: int) -> None:
    pairs = [("a" * (number % 7 + 1), str(number)) for number in range(count)]
    steps = count // texts
    read = [pair for step in range(steps) for pair in at(pairs, seed, step, texts)]
    assert len(read) == len(set(read)) == steps * texts
    assert len(at(pairs, seed, steps, texts)) == texts


def test_weights_between_two_trainings_lie_on_the_line_between_them() -> None:
    first, second = ({"a": torch.tensor([value, 2.0])} for value in (1.0, 3.0))
    assert mean(first, second, 0.25)["a"].tolist() == [1.5, 2.0]
    assert mean(first, second, 1)["a"].tolist() == [3.0, 2.0]
