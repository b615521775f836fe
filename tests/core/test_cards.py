"""Model cards: what stands on them holds together, and every name that a user may type finds its card."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence import ModelNotFoundError
from pertinence.cards import CARDS, PROTOCOLS, Card, card_of, full_name, nearest

CAMEMBERT = "antoinelouis/crossencoder-camembert-base-mmarcoFR"


def test_no_two_cards_share_a_name_even_without_its_owner() -> None:
    assert len({card.short_name.lower() for card in CARDS}) == len(CARDS)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_published_figure_is_a_fraction_under_a_known_protocol_with_its_source(card: Card) -> None:
    for each in card.published:
        assert each.protocol in PROTOCOLS
        assert each.source
        assert each.metrics
        assert all(0 < value < 1 for value in each.metrics.values())
    assert json.loads(json.dumps(card.to_dict()))["name"] == card.name


def test_figures_are_found_by_protocol_and_data_set() -> None:
    card = card_of(CAMEMBERT)
    assert card is not None
    assert card.figures("mmarco-fr-small-dev") == {
        "mmarco-fr": {"MRR@10": 0.334, "R@10": 0.5983, "R@100": 0.8534}
    }
    assert card.figures("mmarco-fr-500")["mmarco-fr"]["RP"] == 0.3565
    assert card.figures("nanobeir-r100") == {}


def test_the_figures_of_nanobeir_average_to_the_published_mean() -> None:
    card = card_of("skfrost19/reranker-gte-multilingual-base-msmarco-bce")
    assert card is not None
    figures = card.figures("nanobeir-r100")
    mean = figures.pop("mean")
    for metric, value in mean.items():
        assert sum(each[metric] for each in figures.values()) / 3 == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (CAMEMBERT, CAMEMBERT),
        (CAMEMBERT.upper(), CAMEMBERT),
        ("crossencoder-camembert-base-mmarcoFR", CAMEMBERT),
        ("camembert-base-mmarcofr", CAMEMBERT),
        ("bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3"),
        ("v2-m3", "BAAI/bge-reranker-v2-m3"),
        ("ms-marco-MiniLM-L6-v2", "cross-encoder/ms-marco-MiniLM-L6-v2"),
        ("gte-multilingual-reranker-base", "Alibaba-NLP/gte-multilingual-reranker-base"),
        ("pertinence-mini", "pertinence-mini"),
        ("mini", "pertinence-mini"),
    ],
)
def test_a_name_is_found_in_full_or_from_a_boundary_to_its_end(typed: str, meant: str) -> None:
    assert full_name(typed) == meant


@pytest.mark.parametrize(
    "typed", ["embert-base-mmarcoFR", "someone/bge-reranker-v2-m3", "bert-base-uncased", ""]
)
def test_what_only_looks_alike_is_left_as_it_is(typed: str) -> None:
    assert card_of(typed) is None
    assert full_name(typed) == typed


def test_an_end_of_several_names_lists_them() -> None:
    with pytest.raises(ModelNotFoundError, match=r"short for more than one .*camembert-L2.*mMiniLMv2-L12"):
        card_of("mmarcoFR")


@given(st.sampled_from(CARDS), st.data())
def test_any_end_of_a_name_finds_that_model_or_says_that_it_is_not_alone(
    card: Card, data: st.DataObject
) -> None:
    boundaries = [place + 1 for place, letter in enumerate(card.short_name) if letter in "-_"]
    short = card.short_name[data.draw(st.sampled_from([0, *boundaries])) :]
    ends = [each for each in CARDS if re.search(rf"(^|[/_-]){re.escape(short)}$", each.name, re.IGNORECASE)]
    if len(ends) == 1:
        assert full_name(short) == card.name
    else:
        with pytest.raises(ModelNotFoundError, match=re.escape(card.name)):
            full_name(short)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("camenbert-base-mmarcofr", CAMEMBERT),
        ("antoinelouis/crossencoder-camembert-base-mmarco-fr", CAMEMBERT),
        ("bge-reranker-m3", "BAAI/bge-reranker-v2-m3"),
        ("electra", "antoinelouis/crossencoder-electra-base-french-mmarcoFR"),
    ],
)
def test_the_nearest_name_is_offered_for_one_that_is_spelt_wrong(typed: str, first: str) -> None:
    assert nearest(typed)[0] == first


def test_nothing_is_offered_for_a_name_like_no_other() -> None:
    assert nearest("zzz/qqqqqq") == []


def test_a_model_reads_the_languages_of_its_card_and_its_bases() -> None:
    reading = {code: [card.name for card in CARDS if card.reads(code)] for code in ("fr", "en", "de")}
    assert CAMEMBERT in reading["fr"]
    assert CAMEMBERT not in reading["en"]
    assert "cross-encoder/ms-marco-MiniLM-L6-v2" not in reading["fr"]
    assert "BAAI/bge-reranker-v2-m3" in reading["de"]
    assert "antoinelouis/crossencoder-mMiniLMv2-L6-mmarcoFR" in reading["de"]
