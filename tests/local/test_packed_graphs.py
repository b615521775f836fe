"""Small packed batches filled up to a few shapes: which, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.local.batches.batching import Pair
from pertinence.local.batches.buckets import BUCKETS, Bucket, bucket_for, filled
from pertinence.local.batches.packing import pack, pack_padded
from support.models import SHAPES
from support.packed import batch_of, network_of

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@given(st.lists(st.integers(1, 512), min_size=1, max_size=128))
def test_a_small_batch_is_filled_up_to_the_smallest_shape_that_holds_it(lengths: list[int]) -> None:
    pairs = [
        Pair(None, place, np.full(length, place + 5, dtype=np.int32), 1)
        for place, length in enumerate(lengths)
    ]
    batch = pack(pairs, text_type=1)
    bucket = bucket_for(batch)
    if bucket is None:
        assert not any(each.holds(batch) for each in BUCKETS)
        return
    assert not any(each.holds(batch) and each.tokens < bucket.tokens for each in BUCKETS)
    full = filled(batch, bucket, 0)
    assert (len(full.ids), full.rows) == (bucket.tokens, bucket.rows)
    assert 1 <= full.lengths.min() <= full.lengths.max() <= bucket.longest
    assert full.ids[: len(batch.ids)].tolist() == batch.ids.tolist()
    assert full.starts[: batch.rows + 1].tolist() == batch.starts.tolist()


@pytest.mark.parametrize("shape", ["tiny", "mminilm-L6"])
def test_a_batch_that_was_filled_up_gives_the_same_rows_and_few_shapes_are_recorded(
    shape: str, model_folder: Callable[[str], Path]
) -> None:
    from pertinence.local.runtimes.torch.packed import PackedNetwork, make_packed
    from pertinence.local.runtimes.torch.packed_graphs import Replaying

    def record(network: PackedNetwork, bucket: Bucket, row: Any) -> Any:
        return lambda later: network.compute(torch.from_numpy(later), bucket.tokens, bucket.longest)

    packed = make_packed(network_of(model_folder(shape)), ["reference"])
    assert packed is not None
    buckets = [Bucket(tokens=64, rows=8, longest=32), Bucket(tokens=128, rows=8, longest=32)]
    replaying = Replaying(packed, record, buckets)
    for lengths in ([5, 9, 2], [30, 20, 8, 1], [3], [31, 30, 29], [12, 12]) * 3 + ([40, 3],):
        batch = pack_padded(batch_of(lengths, pad_id=SHAPES[shape].pad_token_id, typed=False))
        given = replaying.run(batch)
        torch.testing.assert_close(given, packed.run(batch), atol=1e-5, rtol=1e-5)
    assert set(replaying.recorded) == set(buckets)


def _constant(network: Any, bucket: Bucket, row: Any) -> Any:
    """What a recording on another card does: it gives for ever what it gave once."""
    given = network.compute(torch.from_numpy(row), bucket.tokens, bucket.longest)
    return lambda later: given


def _failing(network: Any, bucket: Bucket, row: Any) -> Any:
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.parametrize(
    ("record", "told"), [(_constant, "batches of 64 tokens are not replayed: "), (_failing, "from now on: ")]
)
def test_a_shape_that_cannot_be_recorded_runs_as_it_is(
    record: Any, told: str, model_folder: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed
    from pertinence.local.runtimes.torch.packed_graphs import Replaying

    packed = make_packed(network_of(model_folder("tiny")), ["reference"])
    assert packed is not None
    bucket = Bucket(tokens=64, rows=8, longest=32)
    replaying = Replaying(packed, record, [bucket])
    for lengths in ([5, 9, 2], [30, 20, 8, 1], [3], [31, 30], [12, 12]):
        batch = pack_padded(batch_of(lengths, pad_id=SHAPES["tiny"].pad_token_id, typed=False))
        torch.testing.assert_close(replaying.run(batch), packed.run(batch), atol=1e-5, rtol=1e-5)
    assert replaying.recorded == {bucket: None}
    assert caplog.text.count(told) == 1


def test_after_a_recording_that_failed_others_are_replayed_and_no_new_one_is_made(
    model_folder: Callable[[str], Path],
) -> None:
    from pertinence.local.runtimes.torch.packed import PackedNetwork, make_packed
    from pertinence.local.runtimes.torch.packed_graphs import Replaying

    tried: list[int] = []

    def record(network: PackedNetwork, bucket: Bucket, row: Any) -> Any:
        tried.append(bucket.tokens)
        if len(tried) == 2:
            raise RuntimeError("operation not permitted when stream is capturing")
        return lambda later: network.compute(torch.from_numpy(later), bucket.tokens, bucket.longest)

    packed = make_packed(network_of(model_folder("tiny")), ["reference"])
    assert packed is not None
    small, large, largest = (Bucket(tokens=tokens, rows=8, longest=32) for tokens in (32, 64, 128))
    replaying = Replaying(packed, record, [small, large, largest])
    for lengths in ([5, 9, 2], [30, 20], [30, 30, 30]) * 5:
        batch = pack_padded(batch_of(lengths, pad_id=0, typed=False))
        torch.testing.assert_close(replaying.run(batch), packed.run(batch), atol=1e-5, rtol=1e-5)
    assert tried == [32, 64]
    assert [bucket for bucket, replay in replaying.recorded.items() if replay is not None] == [small]


def test_no_shape_is_filled_with_sequences_longer_than_the_model_has_positions(
    model_folder: Callable[[str], Path],
) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed
    from pertinence.local.runtimes.torch.packed_graphs import Replaying

    packed = make_packed(network_of(model_folder("tiny")), ["reference"])
    assert packed is not None
    replaying = Replaying(packed, _failing, [Bucket(tokens=4096, rows=2, longest=packed.positions + 1)])
    batch = pack_padded(batch_of([5], pad_id=SHAPES["tiny"].pad_token_id, typed=False))
    for _ in range(4):
        replaying.run(batch)
    assert not replaying.recorded
