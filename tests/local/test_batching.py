"""Whose texts are tokenised, what runs next: nothing lost, nothing twice, within bounds, nobody starved."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pertinence.local.batches.batching import Pair, Waiting, pad
from pertinence.local.serving.encode_queue import EncodeQueue

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
def test_padding_is_never_more_than_the_slack_and_what_is_spared(
    lengths: list[list[int]], budget: int
) -> None:
    for batch in drain(waiting_for(lengths), budget):
        longest = max(len(pair.ids) for pair in batch)
        slack = max(8, int(longest * 0.0625))
        beyond = [longest - len(pair.ids) for pair in batch if longest - len(pair.ids) > slack]
        assert sum(beyond) <= 64


@given(requests, budgets)
def test_without_padding_every_pair_runs_once_in_batches_as_full_as_can_be(
    lengths: list[list[int]], budget: int
) -> None:
    waiting = waiting_for(lengths)
    run: Counter[tuple[int, int]] = Counter()
    while waiting:
        batch = waiting.next_batch(budget, packed=True)
        tokens = sum(len(pair.ids) for pair in batch)
        assert len(batch) == 1 or tokens <= budget
        run.update((pair.owner, pair.index) for pair in batch)
        leader = batch[0].owner
        left = [len(each.ids) for each in pairs(leader, lengths[leader]) if not run[leader, each.index]]
        assert tokens + min(left, default=budget) >= budget or not left, "the leader had more that fits"
    assert run == Counter((owner, i) for owner, each in enumerate(lengths) for i in range(len(each)))
    assert waiting.tokens == 0


def test_without_padding_a_short_request_is_not_stuck_behind_a_long_one() -> None:
    waiting = waiting_for([[400] * 200])
    waiting.next_batch(1024, packed=True)
    waiting.add(1, pairs(1, [30] * 20))
    assert sum(pair.owner == 1 for pair in waiting.next_batch(1024, packed=True)) == 20


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


@given(requests, st.lists(st.integers(3, 512), min_size=1, max_size=40), st.integers(0, 30), budgets)
def test_while_a_newcomer_waits_no_other_is_given_two_batches_more(
    lengths: list[list[int]], newcomer: list[int], before: int, budget: int
) -> None:
    waiting = waiting_for(lengths)
    for _ in range(before):
        waiting.next_batch(budget)
    waiting.add(99, pairs(99, newcomer))
    given_to = Counter[int]()
    left = len(newcomer)
    while left:
        batch = waiting.next_batch(budget)
        for pair in batch:
            given_to[pair.owner] += len(batch[0].ids)
        left -= sum(pair.owner == 99 for pair in batch)
        assert max(given_to.values()) <= given_to[99] + 2 * max(budget, 512)


def test_one_that_had_nothing_waiting_does_not_catch_up_on_what_it_left_to_others() -> None:
    waiting = waiting_for([[100], [100] * 1000])
    for _ in range(100):
        waiting.next_batch(500)
    waiting.add(0, pairs(0, [100] * 100))
    led = Counter(waiting.next_batch(500)[0].owner for _ in range(10))
    assert led == {0: 5, 1: 5}


@given(requests, st.data())
def test_what_waits_is_counted_for_each_request(lengths: list[list[int]], data: st.DataObject) -> None:
    waiting = waiting_for(lengths)
    left = {owner: sum(each) for owner, each in enumerate(lengths)}
    for _ in range(data.draw(st.integers(0, 20))):
        for pair in waiting.next_batch(512):
            left[pair.owner] -= len(pair.ids)
    assert {owner: waiting.tokens_of(owner) for owner in left} == left
    assert waiting.tokens == sum(left.values())


ROOM = 1000
CHUNK = 5


class WorkQueue:
    """Tokenising and running in the turns that a test gives them; a text is the number of its tokens."""

    def __init__(self) -> None:
        self.waiting: Waiting[int] = Waiting()
        self.turns: EncodeQueue[int] = EncodeQueue(ROOM)
        self.texts: dict[int, deque[int]] = {}
        self.encoded: list[int] = []
        self.ran: Counter[int] = Counter()

    def join(self, owner: int, texts: list[int]) -> None:
        self.texts[owner] = deque(texts)
        self.turns.join(owner)

    def encode(self) -> bool:
        """One chunk of whoever's turn it is; False if it is nobody's."""
        owner = self.turns.next(self.waiting)
        if owner is None:
            return False
        texts = self.texts[owner]
        self.encoded.append(owner)
        self.waiting.add(owner, pairs(owner, [texts.popleft() for _ in range(min(CHUNK, len(texts)))]))
        if texts:
            self.turns.again(owner)
        return True

    def run(self) -> list[Pair[int]]:
        """One batch."""
        batch = self.waiting.next_batch(64)
        self.ran.update(pair.owner for pair in batch)
        return batch


texts_of_requests = st.lists(st.lists(st.integers(3, 60), min_size=1, max_size=60), min_size=1, max_size=30)


@given(texts_of_requests, st.data())
def test_what_waits_tokenised_is_bounded_and_everything_runs(
    texts: list[list[int]], data: st.DataObject
) -> None:
    work_queue = WorkQueue()
    coming = deque(enumerate(texts))
    while coming or work_queue.turns or work_queue.waiting:
        step = data.draw(st.sampled_from(["join", "encode", "encode", "run"]))
        if step == "join" and coming:
            work_queue.join(*coming.popleft())
        elif step == "run" or not work_queue.encode():
            # Were nothing waiting and it nobody's turn, this would go on forever.
            assert work_queue.run() or not work_queue.turns or step == "run"
        assert work_queue.waiting.tokens < 2 * ROOM + CHUNK * 60
    assert work_queue.ran == Counter({owner: len(each) for owner, each in enumerate(texts)})


def test_newcomers_wait_untokenised_once_very_many_of_them_have_come() -> None:
    work_queue = WorkQueue()
    for owner in range(100):
        work_queue.join(owner, [50] * CHUNK)
    while work_queue.encode():
        pass
    assert 2 * ROOM <= work_queue.waiting.tokens < 2 * ROOM + 50 * CHUNK
    while work_queue.run():
        work_queue.encode()
    assert work_queue.encoded == list(range(100)), "in their order"


@given(st.integers(1, 20), st.integers(0, 100))
def test_a_newcomer_is_tokenised_within_two_turns_however_much_of_long_requests_waits(
    long: int, ran: int
) -> None:
    work_queue = WorkQueue()
    for owner in range(long):
        work_queue.join(owner, [50] * 1000)
        while owner not in work_queue.encoded:
            work_queue.encode() or work_queue.run()
    for _ in range(ran):
        work_queue.run()
        work_queue.encode()
    while work_queue.waiting.tokens >= 2 * ROOM:
        work_queue.run()
    work_queue.join(99, [50] * 2 * CHUNK)
    work_queue.encode()
    while work_queue.waiting.tokens >= 2 * ROOM:
        work_queue.run()
    work_queue.encode()
    assert 99 in work_queue.encoded[-2:]


def test_a_short_request_waits_for_a_few_batches_while_a_long_one_is_being_tokenised() -> None:
    work_queue = WorkQueue()
    work_queue.join(0, [30] * 10_000)
    while work_queue.encode():
        pass
    work_queue.join(1, [30] * 20)
    batches = 0
    while work_queue.ran[1] < 20:
        work_queue.encode()
        work_queue.run()
        batches += 1
    # Two pairs fit into a batch: ten of its own, as many of the other's, and one per chunk that is late.
    assert batches <= 2 * 10 + 20 // CHUNK
    assert work_queue.texts[0], "the long one was not tokenised to its end"


def test_newcomers_do_not_keep_one_that_has_begun_from_being_tokenised() -> None:
    work_queue = WorkQueue()
    work_queue.join(0, [3] * 10 * CHUNK)
    work_queue.encode()
    for newcomer in range(1, 200):
        work_queue.join(newcomer, [3])
        work_queue.encode()
        while work_queue.run():
            pass
    assert work_queue.ran[0] == 10 * CHUNK


def test_one_that_was_dropped_gets_no_turn() -> None:
    work_queue = WorkQueue()
    for owner in range(3):
        work_queue.join(owner, [3] * 10)
    work_queue.encode()
    work_queue.turns.drop(0)
    work_queue.turns.drop(2)
    while work_queue.encode():
        pass
    assert work_queue.encoded == [0, 1, 1]
    assert not work_queue.turns


def test_the_arrays_carry_ids_mask_and_token_types() -> None:
    batch = pad(pairs(0, [4, 2]), pad_id=1, text_type=1)
    assert batch.ids.tolist() == [[7, 7, 7, 7], [7, 7, 1, 1]]
    assert batch.mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.types.tolist() == [[0, 0, 1, 1], [0, 1, 0, 0]]
