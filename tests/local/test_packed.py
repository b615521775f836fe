"""Batches as one row without padding: the same numbers as padded, for every architecture on the cards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.local.batches.batching import Batch, Pair
from pertinence.local.batches.packing import pack, pack_padded, positions_of
from support.gte import needs_gte
from support.models import SHAPES
from support.packed import ARCHITECTURES, averaging, batch_of, network_of, padded_logits

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LENGTHS = {
    "one sequence": [17],
    "one token each": [1, 1, 1],
    "a long one beside short ones": [200, 3, 1, 5],
    "many": [30, 29, 12, 12, 2, 47, 8, 8, 8, 16, 1, 25],
}


# Every way that a CPU can run; those of a GPU differ from them in nothing but the kernel.
WAYS = ("reference", "nested")


@pytest.fixture(scope="module")
def batches() -> Callable[[str], dict[str, Batch]]:
    def of(shape: str) -> dict[str, Batch]:
        typed = SHAPES[shape].sizes["type_vocab_size"] > 1
        pad_id = SHAPES[shape].pad_token_id
        return {name: batch_of(lengths, pad_id=pad_id, typed=typed) for name, lengths in LENGTHS.items()}

    return of


@pytest.mark.parametrize("labels", [1, 2])
@pytest.mark.parametrize("shape", ARCHITECTURES)
def test_packed_scores_are_the_padded_ones(
    shape: str, labels: int, batches: Callable[[str], dict[str, Batch]], model_folder: Callable[[str], Path]
) -> None:
    """In float32 the scores, to 1e-5; in float64 the logits to 1e-9: it is the same function."""
    from pertinence.local.runtimes.torch.packed import make_packed

    typed = SHAPES[shape].sizes["type_vocab_size"] > 1
    for dtype, score, bound in ((torch.float32, torch.sigmoid, 1e-5), (torch.float64, torch.clone, 1e-9)):
        network = network_of(model_folder(shape), labels).to(dtype)
        expected = {
            name: padded_logits(network, batch, typed=typed) for name, batch in batches(shape).items()
        }
        packed = make_packed(network, ["reference"])
        assert packed is not None
        for name, batch in batches(shape).items():
            given = packed.run(pack_padded(batch))
            assert given.shape == (len(batch.ids), labels)
            difference = float((score(given) - score(expected[name])).abs().max())
            assert difference <= bound, (name, dtype)


@pytest.mark.parametrize("shape", ["camembert-L2", pytest.param("gte-L2", marks=needs_gte)])
def test_nested_tensors_give_the_same_as_sequence_by_sequence(
    shape: str, batches: Callable[[str], dict[str, Batch]], model_folder: Callable[[str], Path]
) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed

    given = {}
    for way in WAYS:
        packed = make_packed(network_of(model_folder(shape)).double(), [way])
        assert packed is not None
        assert packed.way == way
        given[way] = [packed.run(pack_padded(batch)) for batch in batches(shape).values()]
    for one, other in zip(*given.values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_the_last_layer_computes_the_first_tokens_alone(model_folder: Callable[[str], Path]) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed

    network = network_of(model_folder("camembert-L2"))
    packed = make_packed(network, ["reference"])
    assert packed is not None
    shapes = []
    last = network.base_model.encoder.layer[-1].layer
    last.intermediate.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    packed.run(pack_padded(batch_of([9, 4, 2], pad_id=1, typed=False)))
    assert shapes == [(3, 3072)]


def settings_of(network: Any) -> tuple[Any, ...]:
    return network.config._attn_implementation, *network.modules()


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("MPNetForSequenceClassification", {}),
        ("BertForSequenceClassification", {"is_decoder": True}),
        ("BertForSequenceClassification", {"chunk_size_feed_forward": 4}),
        (
            "GteForSequenceClassification",
            {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}},
        ),
    ],
)
def test_what_is_not_known_to_be_safe_is_left_as_it_is(architecture: str, settings: dict[str, Any]) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed

    kind = getattr(transformers, architecture, None)
    if kind is None:
        pytest.skip(f"this version of transformers has no {architecture}")
    sizes = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 64}
    network = kind(kind.config_class(vocab_size=60, **sizes, **settings)).eval()
    before = settings_of(network)
    assert make_packed(network, WAYS) is None
    assert settings_of(network) == before


def test_code_that_came_with_a_model_is_not_known_whatever_its_name(
    model_folder: Callable[[str], Path],
) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed

    network = network_of(model_folder("tiny"))
    network.__class__ = type(type(network).__name__, (type(network),), {"__module__": "transformers_modules"})
    assert make_packed(network, WAYS) is None


def test_a_head_that_reads_every_token_is_found_out_and_left_as_it_is(
    model_folder: Callable[[str], Path],
) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed

    network = network_of(model_folder("camembert-L2"))
    network.classifier = averaging(network.classifier)
    before = settings_of(network)
    assert make_packed(network, WAYS) is None
    assert settings_of(network) == before


def test_a_kernel_that_fails_makes_way_for_the_next(
    model_folder: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    from pertinence.local.runtimes.torch.packed import make_packed

    caplog.set_level("INFO", "pertinence")
    # Neither runs on a CPU.
    packed = make_packed(network_of(model_folder("tiny")), ["flash_attn", "varlen", "reference"])
    assert packed is not None
    assert packed.way == "reference"
    assert "is not packed with attention by varlen: " in caplog.text


def test_the_ways_suit_device_precision_and_card(monkeypatch: pytest.MonkeyPatch) -> None:
    from pertinence.local.runtimes.torch import packed_attention
    from pertinence.local.runtimes.torch.packed_attention import ways_for

    monkeypatch.setattr(packed_attention, "find_spec", lambda name: None if name == "flash_attn" else name)
    assert ways_for("cpu", torch.float32, None) == ()
    assert ways_for("mps", torch.float16, None) == ()
    torchs = ("varlen", "varlen_plain", "efficient", "nested")
    assert ways_for("cuda", torch.float32, (9, 0)) == ("efficient", "nested")
    assert ways_for("cuda", torch.float16, (7, 5)) == ("efficient", "nested")
    assert ways_for("cuda", torch.bfloat16, (9, 0)) == torchs
    monkeypatch.setattr(packed_attention, "find_spec", lambda name: name)
    assert ways_for("cuda", torch.bfloat16, (9, 0)) == ("flash_attn", *torchs)


def test_a_way_that_lets_sequences_read_a_little_of_each_other_is_not_taken(
    model_folder: Callable[[str], Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pertinence.local.runtimes.torch import packed_attention
    from pertinence.local.runtimes.torch.packed import make_packed

    apart = packed_attention._WAYS["reference"]

    def leaking(query: Any, key: Any, value: Any, asking: Any, read: Any, scale: float) -> Any:
        return apart(query, key, value, asking, read, scale) + value.mean(dim=0) / 8

    monkeypatch.setattr(packed_attention, "_WAYS", {"reference": apart, "leaking": leaking})
    caplog.set_level("INFO", "pertinence")
    # In bfloat16, where the comparison with padding must be a lenient one.
    network = network_of(model_folder("tiny")).to(torch.bfloat16)
    packed = make_packed(network, ["leaking", "reference"])
    assert packed is not None
    assert packed.way == "reference"
    assert "by leaking: lets sequences read each other" in caplog.text


def test_the_kernel_that_is_asked_directly_takes_what_it_is_given() -> None:
    names = [each.name for each in torch.ops.aten._efficient_attention_forward.default._schema.arguments]
    assert names[:10] == [
        *("query", "key", "value", "bias", "cu_seqlens_q", "cu_seqlens_k", "max_seqlen_q", "max_seqlen_k"),
        *("dropout_p", "custom_mask_type"),
    ]
    assert "scale" in names


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=8))
def test_positions_begin_anew_with_each_sequence_and_pass_over_padding_after_it(
    rows: list[list[int]],
) -> None:
    pairs = [Pair(None, place, np.array(row, dtype=np.int32), 1) for place, row in enumerate(rows)]
    batch = pack(pairs, text_type=1)
    assert positions_of(batch).tolist() == [place for row in rows for place in range(len(row))]
    counted = []
    for row in rows:
        rank = 1
        for token in row:
            rank += token != 1
            counted.append(rank if token != 1 else 1)
    assert positions_of(batch, after_pad=1).tolist() == counted


def test_token_types_begin_where_the_text_does() -> None:
    pairs = [
        Pair(None, place, np.zeros(4, dtype=np.int32), boundary) for place, boundary in enumerate((1, 3))
    ]
    batch = pack(pairs, text_type=1)
    assert batch.types.tolist() == [0, 1, 1, 1, 0, 0, 0, 1]
    assert batch.starts.tolist() == [0, 4, 8]
