"""Which devices a model goes to, what happens when their memory runs out, and when one of them dies."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence import ModelError, OptionError
from pertinence.local.batches.batching import Batch, Pair, pad
from pertinence.local.batches.packing import Packed, pack
from pertinence.local.machine.devices import Card, Found, check_device, devices_for, precision_on
from pertinence.local.runtimes.running import Collect, Rows, Shrinking, halves, size
from pertinence.local.selection.choice import Possible, choose
from pertinence.local.serving.scheduler import Scheduler
from pertinence.options import Options
from support.letters import Letters, request
from support.waiting import HANGS

OLD = Card(name="Tesla T4", memory=16 << 30, capability=(7, 5), bfloat16=False)
NEW = Card(name="NVIDIA H200", memory=141 << 30, capability=(9, 0), bfloat16=True)


@pytest.mark.parametrize(
    ("asked", "found", "devices"),
    [
        ("auto", Found(), ("cpu",)),
        ("auto", Found(mps=True), ("mps",)),
        ("auto", Found(cards=[NEW, NEW]), ("cuda:0",)),
        ("cpu", Found(cards=[NEW]), ("cpu",)),
        ("cuda", Found(cards=[NEW, OLD]), ("cuda:0", "cuda:1")),
        ("cuda:1", Found(cards=[NEW, OLD]), ("cuda:1",)),
        ("mps", Found(mps=True), ("mps",)),
    ],
)
def test_a_model_goes_to(asked: str, found: Found, devices: tuple[str, ...]) -> None:
    assert devices_for(asked, found) == devices


@pytest.mark.parametrize(
    ("asked", "found", "told"),
    [
        ("cuda", Found(no_cuda="torch is built without it"), "finds cpu; no CUDA: torch is built without it"),
        ("cuda:2", Found(cards=[NEW, OLD]), r"cpu, cuda:0 \(NVIDIA H200\), cuda:1 \(Tesla T4\)"),
        ("mps", Found(cards=[NEW]), "finds cpu, cuda:0"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_what_is(asked: str, found: Found, told: str) -> None:
    with pytest.raises(ModelError, match=f"device='{asked}' was asked for, and torch {told}|{told}"):
        devices_for(asked, found)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CUDA", "", "cuda:-1", "cpu:0"])
def test_what_names_no_device_is_refused_before_any_model_is_loaded(device: str) -> None:
    with pytest.raises(OptionError, match="device must be"):
        check_device(device)
    with pytest.raises(OptionError, match="device must be"):
        choose("a model", Options(device=device), Possible())


def test_a_card_without_bfloat16_computes_in_float16_and_says_so() -> None:
    assert precision_on("bfloat16", NEW) == ("bfloat16", "")
    assert precision_on("float32", OLD) == ("float32", "")
    assert precision_on("bfloat16", OLD) == ("float16", "Tesla T4 does not compute in bfloat16")


class FullError(Exception):
    """What the fake device raises when its memory runs out."""


class Device:
    """A device that fits so many tokens; each row it gives is the first id of its sequence."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.ran: list[int] = []
        self.relieved = 0

    def launch(self, batch: Batch | Packed) -> Collect:
        _, tokens = size(batch)
        if tokens > self.fits:
            raise FullError(f"{tokens} tokens")
        self.ran.append(tokens)
        firsts = batch.ids[batch.starts[:-1]] if isinstance(batch, Packed) else batch.ids[:, 0]
        return lambda: firsts.astype(np.float32)[:, None]

    def relieve(self) -> None:
        self.relieved += 1

    def shrinking(self) -> Shrinking:
        return Shrinking(
            self.launch,
            is_full=lambda error: isinstance(error, FullError),
            relieve=self.relieve,
            describe=lambda: "the memory of a fake",
        )


def pairs_of(lengths: Sequence[int]) -> list[Pair[Any]]:
    """Sequences whose first token is their number."""
    return [
        Pair(None, place, np.full(length, place, dtype=np.int32), 1) for place, length in enumerate(lengths)
    ]


def batches_of(lengths: Sequence[int]) -> Iterator[Batch | Packed]:
    yield pack(pairs_of(lengths), text_type=1)
    yield pad(pairs_of(lengths), pad_id=0, text_type=1)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_halves_hold_every_row_once_and_in_order(lengths: list[int]) -> None:
    for batch in batches_of(lengths):
        parts = list(halves(batch))
        assert len(parts) == min(2, len(lengths))
        device = Device(fits=10**6)
        firsts = [int(row[0]) for part in parts for row in device.launch(part)()]
        assert firsts == list(range(len(lengths)))
        assert sum(size(part)[1] for part in parts) <= size(batch)[1]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(40, 200))
def test_a_batch_that_does_not_fit_runs_in_parts_and_no_row_is_lost(lengths: list[int], fits: int) -> None:
    for batch in batches_of(lengths):
        device = Device(fits)
        shrinking = device.shrinking()
        rows = shrinking.start(batch)()
        assert [int(row[0]) for row in rows] == list(range(len(lengths)))
        shrank = size(batch)[1] > fits
        assert (shrinking.fitting is not None) == shrank == (device.relieved > 0)


def test_what_fits_is_remembered_and_only_ever_shrinks() -> None:
    shrinking = Device(fits=100).shrinking()
    shrinking.start(pack(pairs_of([30] * 10), text_type=0))()
    assert shrinking.fitting == 75, "300, then 150 did not fit"
    shrinking.start(pack(pairs_of([20] * 6), text_type=0))()
    assert shrinking.fitting == 60, "120 did not fit"
    shrinking.start(pack(pairs_of([30] * 10), text_type=0))()
    assert shrinking.fitting == 60


def test_a_single_text_that_does_not_fit_fails_alone() -> None:
    rows: Rows = Device(fits=50).shrinking().start(pack(pairs_of([10, 90, 20]), text_type=0))()
    assert [isinstance(row, ModelError) for row in rows] == [False, True, False]
    assert str(rows[1]) == "one text of 90 tokens does not fit into the memory of a fake"


def test_any_other_error_of_the_device_is_not_taken_for_a_lack_of_memory() -> None:
    def broken(batch: Batch | Packed) -> Collect:
        raise RuntimeError("misaligned address")

    device = Device(fits=50)
    shrinking = Shrinking(broken, is_full=lambda _: False, relieve=device.relieve, describe=str)
    with pytest.raises(RuntimeError, match="misaligned"):
        shrinking.start(pack(pairs_of([1, 2]), text_type=0))


class Several(Letters):
    """Letters on several devices, each of which waits until it is let go, and may die or refuse texts."""

    def __init__(self, workers: int, max_in_flight: int = 1) -> None:
        super().__init__()
        self.workers = workers
        self._max_in_flight = max_in_flight
        self.started: dict[int, int] = {}
        self.loaded: list[int] = []
        self.dead: set[int] = set()
        self.unloadable: set[int] = set()
        self.gone: set[int] = set()
        self.most_flying = 0
        self.flying = 0
        self.together = threading.Barrier(workers) if workers > 1 else None

    def max_in_flight(self, worker: int) -> int:
        return self._max_in_flight

    def load(self, worker: int) -> None:
        if worker in self.unloadable:
            raise ModelError(f"device {worker} is not to be had")
        if worker not in self.loaded or worker in self.dead:
            self.dead.discard(worker)
            self.loaded.append(worker)

    def unload(self, worker: int) -> None:
        self.gone.add(worker)

    def start(self, pairs: list[Pair[Any]], worker: int) -> Callable[[], Any]:
        self.started[worker] = self.started.get(worker, 0) + 1
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        batch = pad(pairs, pad_id=0, text_type=0)

        def collect() -> Any:
            self.flying -= 1
            if self.together is not None and self.started[worker] == 1:
                self.together.wait(20)
            if worker in self.dead:
                raise ModelError(f"cuda:{worker} failed: an illegal memory access")
            rows: list[Any] = list(self.run(batch))
            return [ModelError("does not fit") if row[0] == 99 else row for row in rows]

        return collect


@pytest.fixture
def opened() -> Iterator[Callable[[Several], Scheduler]]:
    schedulers: list[Scheduler] = []

    def open_(model: Several) -> Scheduler:
        schedulers.append(Scheduler(model, "letters"))  # type: ignore[arg-type]
        return schedulers[-1]

    yield open_
    for scheduler in schedulers:
        scheduler.close()


def test_several_devices_share_one_queue(opened: Callable[[Several], Scheduler]) -> None:
    model = Several(3)
    asked = [request("a" * 60, *("b" * length for length in range(1, 40))) for _ in range(6)]
    scheduler = opened(model)
    for each in asked:
        scheduler.submit(each)
    # Each device's first batch waits for the others': they can only meet if all of them work at once.
    for each in asked:
        assert each.future.result(timeout=HANGS) == [60, *range(1, 40)]
    assert set(model.started) == {0, 1, 2}


def test_every_device_is_given_back_when_the_model_is_closed(opened: Callable[[Several], Scheduler]) -> None:
    model = Several(2)
    model.together = None
    scheduler = opened(model)
    scheduler.load().result(timeout=HANGS)
    scheduler.close()
    assert model.gone == {0, 1}


def test_the_next_batch_is_started_while_the_device_works(opened: Callable[[Several], Scheduler]) -> None:
    model = Several(1, max_in_flight=2)
    asked = request(*("a" * length for length in range(20, 60)))
    scheduler = opened(model)
    scheduler.submit(asked)
    assert asked.future.result(timeout=HANGS) == list(range(20, 60))
    assert model.most_flying == 2


def test_a_device_that_dies_fails_its_own_requests_and_is_opened_anew(
    opened: Callable[[Several], Scheduler],
) -> None:
    model = Several(1)
    scheduler = opened(model)
    scheduler.load().result(timeout=HANGS)
    model.dead.add(0)
    first = request("a")
    # Dead until it is loaded again, which happens before the next batch.
    model.load = lambda worker: None  # type: ignore[method-assign]
    scheduler.submit(first)
    with pytest.raises(ModelError, match="cuda:0 failed: an illegal memory access"):
        first.future.result(timeout=HANGS)
    del model.load
    second = request("aa")
    scheduler.submit(second)
    assert second.future.result(timeout=HANGS) == [2]
    assert model.loaded == [0, 0]


def test_a_device_that_cannot_be_had_leaves_the_work_to_the_others(
    opened: Callable[[Several], Scheduler], caplog: pytest.LogCaptureFixture
) -> None:
    model = Several(2)
    model.together = None
    model.unloadable = {1}
    scheduler = opened(model)
    asked = [request(*("a" * length for length in range(1, 30))) for _ in range(4)]
    for each in asked:
        scheduler.submit(each)
    for each in asked:
        assert each.future.result(timeout=HANGS) == list(range(1, 30))
    assert set(model.started) == {0}
    assert "letters goes on without device 1: device 1 is not to be had" in caplog.text


def test_a_text_that_does_not_fit_fails_its_own_request_alone(
    opened: Callable[[Several], Scheduler],
) -> None:
    model = Several(1)
    scheduler = opened(model)
    bad, good = request("a" * 99, "a"), request("aa", "aaa")
    scheduler.submit(bad)
    scheduler.submit(good)
    assert good.future.result(timeout=HANGS) == [2, 3]
    with pytest.raises(ModelError, match="does not fit"):
        bad.future.result(timeout=HANGS)


def test_batches_on_their_way_through_a_device_that_is_given_up_are_answered(
    opened: Callable[[Several], Scheduler],
) -> None:
    """One batch fails, another is behind it: neither may wait for ever, and the other device goes on."""
    model = Several(2, max_in_flight=2)
    model.together = None
    model.batch_tokens = lambda worker: 1  # type: ignore[method-assign]
    other_loads = threading.Event()

    def load(worker: int) -> None:
        if worker == 1:
            other_loads.wait(10)
        elif worker in model.dead:
            raise ModelError("cuda:0 does not answer")

    model.load = load  # type: ignore[method-assign]

    def start(pairs: list[Pair[Any]], worker: int) -> Callable[[], Any]:
        batch = pad(pairs, pad_id=0, text_type=0)

        def collect() -> Any:
            if worker == 0:
                model.dead.add(0)
                other_loads.set()
                raise ModelError("cuda:0 failed")
            return list(model.run(batch))

        started.append(worker)
        # The device is free for one more, so the other request's batch is started too as soon as it is there.
        soon = time.monotonic() + HANGS
        while started == [0] and not scheduler.waiting_tokens and time.monotonic() < soon:
            time.sleep(0.001)
        return collect

    started: list[int] = []
    model.start = start  # type: ignore[method-assign]
    scheduler = opened(model)
    first, second = request("a"), request("bb")
    scheduler.submit(first)
    scheduler.submit(second)
    for each in (first, second):
        with pytest.raises(ModelError, match="cuda:0 failed"):
            each.future.result(timeout=HANGS)
    assert started == [0, 0]
    third = request("ccc")
    scheduler.submit(third)
    assert third.future.result(timeout=HANGS) == [3]


class HalfModel:
    """What a load that fails leaves behind."""


def test_a_load_that_failed_holds_nothing_however_long_its_error_is_kept(
    opened: Callable[[Several], Scheduler],
) -> None:
    left: list[weakref.ref[HalfModel]] = []

    def load(worker: int) -> None:
        half = HalfModel()
        left.append(weakref.ref(half))
        try:
            raise MemoryError("CUDA out of memory")
        except MemoryError as error:
            raise ModelError("it does not fit") from error

    model = Several(1)
    model.load = load  # type: ignore[method-assign]
    scheduler = opened(model)
    gc.disable()
    try:
        with pytest.raises(ModelError, match="it does not fit") as kept:
            scheduler.load().result(timeout=HANGS)
        assert kept.value.__cause__ is not None
        assert [half() for half in left] == [None]
    finally:
        gc.enable()
