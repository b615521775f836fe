"""How French a pair of texts is, read off the same vector as its relevance.

How many candidates are right is another thing in each language's set, so no one line of the logit is honest
about both. The language stands plainly in the vector that the head reads; a linear reading of it can be
added to the head, and then costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from recipe.batches import Groups
from recipe.model import vectors

LANGUAGES = {"piaf": "fr", "cloze": "fr", "epqa": "en", "functions": "en"}
# Questions of each source: two kinds of text a language, or it is the kind of text that is learnt.
QUESTIONS = 200


@dataclass(frozen=True, kw_only=True)
class Frenchness:
    """A linear function of the head's vector: +.5 for French and -.5 for English, on average.

    Attributes:
        direction: shape (hidden size,).
        shift: added to the product of vector and direction.
    """

    direction: np.ndarray
    shift: float

    def of(self, read: np.ndarray) -> np.ndarray:
        """Of every row of (pairs, hidden size), shape (pairs,)."""
        return read @ self.direction + self.shift


def learn(
    model: BertForSequenceClassification, encoder: Tokenizer, groups: Groups, questions: int
) -> Frenchness:
    """Read it off training questions and their passages, cut and misspelt as they are in training."""
    drawn = groups.at({}, dict.fromkeys(LANGUAGES, questions), 0)
    pairs = [(group.query, passage) for group in drawn for passage in group.passages]
    languages = [LANGUAGES[group.source] for group in drawn for _ in group.passages]
    return fit(vectors(model, encoder, pairs, batch_tokens=2048).double().numpy(), languages)


def fit(read: np.ndarray, languages: Sequence[str]) -> Frenchness:
    """Fisher's discriminant, its covariance shrunk (Ledoit and Wolf 2004): least spread inside a language.

    Args:
        read: shape (pairs, hidden size).
        languages: "fr" or "en", one a pair.
    """
    french = np.array([language == "fr" for language in languages])
    found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]).fit(read, french)
    direction = found.coef_[0]
    means = [float((read[part] @ direction).mean()) for part in (french, ~french)]
    width = means[0] - means[1]
    return Frenchness(direction=direction / width, shift=-sum(means) / (2 * width))
