"""docs/models.md is what its command writes, and covers every card with figures that hold."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="what is measured needs the extra 'torch'")

from benchmarks.parity.measure import BACKENDS, figures
from benchmarks.parity.page import PAGE, page
from benchmarks.parity.subjects import SUBJECTS

from pertinence.cards import CARDS, PROTOCOLS

LIMITS = {"torch": 1e-5, "onnx": 1e-4, "openvino": 1e-4}


def test_the_page_is_what_the_command_writes_from_cards_and_figures() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: nox -s parity -- --page-only"


def test_every_card_is_measured_by_a_model_of_its_architecture() -> None:
    assert sorted(name for each in SUBJECTS.values() for name in each.cards) == sorted(
        card.name for card in CARDS
    )


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_measured_is_within_its_limit(name: str, backend: str) -> None:
    kept = figures(name)
    drifts = kept.get("drift", {}).get(backend)
    if drifts is None:
        pytest.skip("not measured")
    scale = max(1.0, *kept["spread"].values())
    assert max(drifts.values()) <= LIMITS[backend] * scale


def test_every_figure_that_can_be_reproduced_has_its_command() -> None:
    text = page()
    for card in CARDS:
        for name, protocol in PROTOCOLS.items():
            command = f"pertinence evaluate {card.name} --protocol {name}\n"
            assert (command in text) is bool(protocol.reproducible and card.figures(name))
