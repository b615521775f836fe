"""Questions as people write them and passages as they are shown: what neither may lose."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from recipe.questions import excerpt, sentences, vary

PASSAGE = (
    "Le pont fut achevé en 1852 par l'ingénieur Charles Vallée, après sept ans de travaux. "
    "Il relie les deux rives de la rivière et porte encore la route de Besançon. "
    "Les crues de 1910 l'ont endommagé sans l'emporter, ce que les riverains racontent volontiers."
)
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=200)


def test_a_passage_falls_into_its_sentences() -> None:
    assert [sentence[:8] for sentence in sentences(PASSAGE)] == ["Le pont ", "Il relie", "Les crue"]


@given(TEXTS, st.integers(0, 50))
def test_no_variation_leaves_a_question_without_a_letter(question: str, seed: int) -> None:
    varied = vary(question, random.Random(seed))
    assert any(c.isalnum() for c in varied) or not any(c.isalnum() for c in question)


@given(TEXTS, TEXTS, st.integers(1, 12), st.integers(0, 50))
def test_an_excerpt_is_a_run_of_the_passages_words(
    passage: str, question: str, words: int, seed: int
) -> None:
    cut = excerpt(passage, question, words, random.Random(seed)).split()
    whole = passage.split()
    assert len(cut) == min(words, len(whole))
    assert any(whole[start : start + len(cut)] == cut for start in range(len(whole) + 1))


def test_an_excerpt_holds_what_the_passage_shares_with_the_question() -> None:
    cut = excerpt(PASSAGE, "Quelle route porte le pont vers Besançon ?", 14, random.Random(0))
    assert "porte encore la route de Besançon" in cut
    assert "ingénieur" not in cut
