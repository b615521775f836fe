"""A last layer that computes the first token's row alone: where it is used, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.models import build
from support.packed import averaging

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

ARCHITECTURES = ("camembert-L2", "mminilm-L6", "bert-minilm-L6", "electra-L2")


def network_of(folder: Path, attention: str = "sdpa") -> Any:
    kind = transformers.AutoModelForSequenceClassification
    return kind.from_pretrained(folder, attn_implementation=attention).eval()


def logits_of(network: Any) -> Any:
    """Logits of four rows of different lengths, padded."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 60, (4, 30), generator=generator)
    mask = torch.ones_like(ids)
    for row, length in enumerate((30, 21, 9, 2)):
        mask[row, length:] = 0
    with torch.inference_mode():
        return network(input_ids=ids, attention_mask=mask).logits


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("shape", ARCHITECTURES)
def test_logits_stay_what_they_were(shape: str, attention: str, model_folder: Callable[[str], Path]) -> None:
    from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer

    network = network_of(model_folder(shape), attention)
    before = logits_of(network)
    assert use_first_token_layer(network)
    torch.testing.assert_close(logits_of(network), before, atol=1e-5, rtol=0)


def test_the_last_layer_hands_on_one_row(model_folder: Callable[[str], Path]) -> None:
    from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer

    network = network_of(model_folder("camembert-L2"))
    shapes = []
    use_first_token_layer(network)
    layer = network.base_model.encoder.layer[-1]
    layer.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    logits_of(network)
    assert shapes == [(4, 1, 768)]


def test_an_architecture_that_is_not_known_is_left_as_it_is() -> None:
    from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer

    config = transformers.DistilBertConfig(vocab_size=60, dim=32, n_heads=2, n_layers=1, hidden_dim=64)
    network = transformers.DistilBertForSequenceClassification(config).eval()
    layers = list(network.modules())
    assert not use_first_token_layer(network)
    assert list(network.modules()) == layers


def test_a_head_that_reads_every_token_is_found_out_and_left_as_it_is(tmp_path: Path) -> None:
    from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer

    network = network_of(build("camembert-L2", tmp_path / "averaging"))
    network.classifier = averaging(network.classifier)
    before = logits_of(network)
    assert not use_first_token_layer(network)
    torch.testing.assert_close(logits_of(network), before, atol=0, rtol=0)


def test_a_bfloat16_network_is_made_lean_too(model_folder: Callable[[str], Path]) -> None:
    from pertinence.local.runtimes.torch.first_token_layer import use_first_token_layer

    assert use_first_token_layer(network_of(model_folder("mminilm-L6")).bfloat16())
