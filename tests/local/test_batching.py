"""What runs next: nothing lost, nothing twice, within the budget, nobody starved."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pertinence.local.batching import Pair, Waiting, pad

requests = st.lists(st.lists(st.integers(3, 512), min_size=1, max_size=40), min_size=1, max_size=8)
budgets = st.integers(1, 2048)


def pairs(owner: int, lengths: list[int]) -> list[Pair[int]]:
    return [Pair(owner, i, np.full(n, 7, dtype=np.int32), n // 2) for i, n in enumerate(lengths)]


def waiting_for(lengths: list[list[int]]) -> Waiting[int]:
    waiting: Waiting[int] = Waiting()
    for owner, each in enumerate(lengths):
        waiting.add(owner, pairs(owner, each))
    return waiting


def drain(waiting: Waiting[int], budget: int) -> list[list[Pair[int]]]:
    batches = []
    while waiting:
        batches.append(waiting.next_batch(budget))
    return batches


@given(requests, budgets)
def test_every_pair_runs_exactly_once(lengths: list[list[int]], budget: int) -> None:
    run = Counter((pair.owner, pair.index) for batch in drain(waiting_for(lengths), budget) for pair in batch)
    assert run == Counter((owner, i) for owner, each in enumerate(lengths) for i in range(len(each)))


@given(requests, budgets)
def test_a_batch_stays_within_the_budget_or_is_a_single_pair(lengths: list[list[int]], budget: int) -> None:
    for batch in drain(waiting_for(lengths), budget):
        assert len(batch) == 1 or len(batch) * max(len(pair.ids) for pair in batch) <= budget


@given(requests, budgets)
def test_padding_is_never_more_than_the_slack(lengths: list[list[int]], budget: int) -> None:
    for batch in drain(waiting_for(lengths), budget):
        longest = max(len(pair.ids) for pair in batch)
        assert all(longest - len(pair.ids) <= max(8, longest * 0.0625) for pair in batch)


@given(requests, st.data())
def test_a_withdrawn_request_never_runs(lengths: list[list[int]], data: st.DataObject) -> None:
    waiting = waiting_for(lengths)
    waiting.next_batch(512)
    gone = data.draw(st.integers(0, len(lengths) - 1))
    waiting.drop(gone)
    assert all(pair.owner != gone for batch in drain(waiting, 512) for pair in batch)
    assert waiting.tokens == 0


def test_a_short_request_is_not_stuck_behind_a_long_one() -> None:
    waiting = waiting_for([[180] * 10_000])
    for _ in range(20):
        waiting.next_batch(1024)
    waiting.add(1, pairs(1, [180] * 20))
    batches = 0
    left = 20
    while left:
        left -= sum(pair.owner == 1 for pair in waiting.next_batch(1024))
        batches += 1
    assert batches <= 2 * 20 * 180 / 900, "at least every second batch is its own"


def test_a_long_request_goes_on_while_short_ones_keep_coming() -> None:
    waiting = waiting_for([[180] * 200])
    served = 0
    for turn in range(1, 101):
        waiting.add(turn, pairs(turn, [180] * 5))
        served += sum(pair.owner == 0 for pair in waiting.next_batch(1024))
    assert served > 0


def test_the_arrays_carry_ids_mask_and_token_types() -> None:
    batch = pad(pairs(0, [4, 2]), pad_id=1, text_type=1)
    assert batch.ids.tolist() == [[7, 7, 7, 7], [7, 7, 1, 1]]
    assert batch.mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.types.tolist() == [[0, 0, 1, 1], [0, 1, 0, 0]]
