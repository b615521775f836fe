"""Nothing in a packed forward waits for the device, or lies beside it: batches queue up, graphs can record.

On torch's meta device a tensor has a shape and no numbers. Whoever asks for a number there, or brings a
tensor of the host's, is refused; and the kernels of CUDA check their arguments there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pertinence.local.batches.packing import pack_padded
from support.models import SHAPES
from support.packed import ARCHITECTURES, batch_of, network_of

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

LENGTHS = [30, 29, 12, 12, 2, 47, 8, 1]


def without_numbers(
    folder: Path, way: str, dtype: Any, monkeypatch: pytest.MonkeyPatch, *, headless: bool = False
) -> Any:
    """What a network gives that computes attention this way, on a device that holds no numbers."""
    from pertinence.local.runtimes.torch import packed_attention
    from pertinence.local.runtimes.torch.packed import make_packed

    network = network_of(folder)
    network = (network.base_model if headless else network).to(dtype)
    packed = make_packed(network, ["reference"], first_token_read=not headless)
    assert packed is not None
    # Whether a way is right is tried when a model is loaded, with numbers: so it comes in afterwards.
    ways = {"reference": packed_attention._WAYS[way]}
    monkeypatch.setattr(packed_attention, "_WAYS", ways)
    network.to("meta")
    batch = pack_padded(batch_of(LENGTHS, pad_id=1, typed=True))
    row = torch.from_numpy(packed.laid_out(batch)).to("meta")
    return packed.compute(row, len(batch.ids), int(batch.lengths.max()))


@pytest.mark.parametrize("shape", ["tiny", *ARCHITECTURES])
def test_a_packed_reranker_never_waits_for_the_device(
    shape: str, model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Attention knows nothing of the architecture: one has the other way.
    way, dtype = ("efficient", torch.float32) if shape == "tiny" else ("varlen", torch.bfloat16)
    logits = without_numbers(model_folder(shape), way, dtype, monkeypatch)
    assert logits.device.type == "meta"
    assert logits.shape == (len(LENGTHS), 1)


@pytest.mark.parametrize("shape", ["tiny", *ARCHITECTURES])
def test_a_packed_embedder_never_waits_for_the_device(
    shape: str, model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    way, dtype = ("varlen", torch.float16) if shape == "tiny" else ("efficient", torch.float32)
    vectors = without_numbers(model_folder(shape), way, dtype, monkeypatch, headless=True)
    assert vectors.device.type == "meta"
    assert vectors.shape == (1, sum(LENGTHS), SHAPES[shape].sizes.get("hidden_size", 768))


def test_one_that_waits_is_found_out(
    model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plain reference asks where sequences begin."""
    with pytest.raises(NotImplementedError, match="no data"):
        without_numbers(model_folder("tiny"), "reference", torch.float32, monkeypatch)


def test_a_tensor_that_was_left_on_the_host_is_found_out(
    model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pertinence.local.runtimes.torch import packed_attention

    apart = packed_attention._WAYS["efficient"]

    def forgetful(*arguments: Any) -> Any:
        seen = apart(*arguments)
        return seen * torch.ones(seen.shape) if seen.is_meta else seen

    monkeypatch.setitem(packed_attention._WAYS, "forgetful", forgetful)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="device"):
        without_numbers(model_folder("tiny"), "forgetful", torch.float32, monkeypatch)
