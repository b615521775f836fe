"""Pairs assembled from a query tokenised once are the pairs that the tokenizer itself would build."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from pertinence.errors import InputError, ModelError, OptionError
from pertinence.local.batches.pair_tokens import PairEncoder, PairLimits, cut_lengths
from support.models import SHAPES

FAMILIES = ("bert-minilm-L6", "camembert-L2")
LIMIT = 48

text = st.text(alphabet="abcdefghi éà'-. \n😀", max_size=120)


@cache
def tokenizer(family: str) -> Tokenizer:
    return SHAPES[family].tokenizer()


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PairEncoder]:
    def encoder(family: str) -> PairEncoder:
        path = tmp_path_factory.mktemp(family) / "tokenizer.json"
        tokenizer(family).save(str(path))
        return PairEncoder(path, max_length=LIMIT)

    return {family: encoder(family) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strategy", ["longest_first", "only_second"])
@given(query=text, passage=text)
@settings(max_examples=150, deadline=None)
def test_a_joined_pair_is_the_tokenizers_own(
    family: str, strategy: str, encoders: dict[str, PairEncoder], query: str, passage: str
) -> None:
    own = Tokenizer.from_str(tokenizer(family).to_str())
    own.enable_truncation(LIMIT, strategy=strategy)
    limits = PairLimits(truncation=strategy)  # type: ignore[arg-type]
    try:
        expected = own.encode(query, passage)
    except Exception:
        with pytest.raises(InputError, match="leaves no room"):
            encoders[family].query(query, limits).pairs([passage])
        return
    try:
        (pair,) = encoders[family].query(query, limits).pairs([passage])
    except InputError:
        assert strategy == "only_second", "only there can a query leave no room"
        assert len(expected.ids) == LIMIT
        return
    assert pair.ids.tolist() == expected.ids
    types = [int(i >= pair.boundary) * encoders[family].text_type for i in range(len(pair.ids))]
    assert types == expected.type_ids
    cut = pair.truncated or pair.query_truncated
    assert cut == (len(tokenizer(family).encode(query, passage).ids) > LIMIT)


@given(query=st.integers(0, 300), passage=st.integers(0, 300), room=st.integers(2, 200), first=st.booleans())
def test_what_is_cut_fits_and_wastes_no_room(query: int, passage: int, room: int, first: bool) -> None:
    strategy = "longest_first" if first else "only_second"
    try:
        kept = cut_lengths(query, passage, room, strategy)  # type: ignore[arg-type]
    except InputError:
        assert not first
        assert query >= room
        return
    assert kept[0] <= query
    assert kept[1] <= passage
    assert sum(kept) == min(room, query + passage)
    assert first or kept[0] == query


def test_a_limit_above_the_models_positions_names_both(encoders: dict[str, PairEncoder]) -> None:
    with pytest.raises(OptionError, match=r"max_length is 49, but the model takes at most 48"):
        encoders["camembert-L2"].query("q", PairLimits(max_length=49))


def test_a_limit_that_leaves_room_for_nothing_is_refused(encoders: dict[str, PairEncoder]) -> None:
    with pytest.raises(OptionError, match="special tokens alone take"):
        encoders["camembert-L2"].query("q", PairLimits(max_length=5))


def test_a_tokenizer_that_does_not_join_two_plain_sequences_is_refused_by_name(tmp_path: Path) -> None:
    odd = Tokenizer.from_str(tokenizer("bert-minilm-L6").to_str())
    odd.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $B [SEP] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    odd.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelError, match=r"tokenizer\.json does not join a query and a passage"):
        PairEncoder(tmp_path / "tokenizer.json", max_length=LIMIT)


def test_a_broken_tokenizer_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="not a readable tokenizer"):
        PairEncoder(path, max_length=LIMIT)


def test_cutting_on_the_left_keeps_the_end(tmp_path: Path) -> None:
    own = Tokenizer.from_str(tokenizer("camembert-L2").to_str())
    own.save(str(tmp_path / "tokenizer.json"))
    own.enable_truncation(LIMIT, strategy="longest_first", direction="left")
    encoder = PairEncoder(tmp_path / "tokenizer.json", max_length=LIMIT, cut_left=True)
    passage = "the train leaves the mountain " * 30
    (pair,) = encoder.query("when", PairLimits()).pairs([passage])
    assert pair.ids.tolist() == own.encode("when", passage).ids
