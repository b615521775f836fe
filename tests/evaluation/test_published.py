"""The real data of protocols, where there is a hub: run with `-m network` and HF_HUB_OFFLINE=0."""

from __future__ import annotations

import pytest

from pertinence.evaluation.hub import nano_beir, small_dev_negatives

pytestmark = [pytest.mark.network, pytest.mark.enable_socket]


def test_nanobeir_holds_what_sentence_transformers_reads() -> None:
    collection = nano_beir("NanoNQ")
    assert len(collection.queries) == len(collection.qrels) == 50
    assert collection.run is not None
    candidates = list(collection.run.read())
    assert {each.query for each in candidates} == set(collection.qrels)
    assert all(len(each.passages) >= 100 for each in candidates)


def test_every_query_of_the_small_dev_set_has_up_to_a_thousand_candidates() -> None:
    sizes = [len(each.passages) for each in small_dev_negatives().read()]
    assert len(sizes) == 6980
    assert max(sizes) >= 1000
