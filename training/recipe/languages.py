"""How French a pair of texts is, read off the same vector as its relevance, by a unit of the pooler.

How many candidates are right is another thing in each language's set, so no one line of the logit is honest
about both. The language stands plainly in the first token's vector, but a linear reading of it is a little
more or less for each passage of a question, which moves their order. A unit of the pooler ends in a tanh:
steep enough, it says one number for all that is French and one for all that is English. The unit that tells
least of relevance is given up for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from pertinence.local.files.weights import SCALE, dequantise, quantise
from recipe.batches import Groups
from recipe.model import vectors

LANGUAGES = {
    "piaf": "fr",
    "services": "fr",
    "twins_fr": "fr",
    "epqa": "en",
    "functions": "en",
    "twins_en": "en",
}
# Questions of each source: several kinds of text a language, or it is the kind of text that is learnt.
QUESTIONS = 150
# The means of the languages stand this far out on the tanh: what is half as far is as flat.
STEEPNESS = 8.0
# Of the covariance. A number that hardly varies would else get a weight beside which int8 holds no other.
SHRINKAGE = 0.01


@dataclass(frozen=True, kw_only=True)
class LanguageUnit:
    """A unit of the pooler: 1 for French and -1 for English.

    Attributes:
        unit: which one.
        usual: what it was on average, before.
        weight: of the first token's vector, shape (hidden size,).
        bias: added to the product, before the tanh.
    """

    unit: int
    usual: float
    weight: Sequence[float]
    bias: float

    def put_into(self, model: BertForSequenceClassification) -> None:
        """Change the pooler; what the head read of the unit becomes a constant, then nothing."""
        pooler, head = model.bert.pooler.dense, model.classifier
        with torch.no_grad():
            head.bias += head.weight[:, self.unit] * self.usual
            head.weight[:, self.unit] = 0
            pooler.weight[self.unit] = torch.tensor(self.weight, dtype=pooler.weight.dtype)
            pooler.bias[self.unit] = self.bias

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> LanguageUnit:
        """What `to_dict` gave."""
        return cls(**data)


def learn(
    model: BertForSequenceClassification, encoder: Tokenizer, groups: Groups, questions: int
) -> LanguageUnit:
    """Read it off training questions and their passages, cut and misspelt as they are in training."""
    drawn = groups.at(dict.fromkeys(LANGUAGES, questions), 0)
    pairs = [(group.query, passage) for group in drawn for passage in group.passages]
    languages = [LANGUAGES[group.source] for group in drawn for _ in group.passages]
    read = vectors(model, encoder, pairs, batch_tokens=2048)
    units = model.bert.pooler(read[:, None])
    unit = int((units.std(dim=0) * model.classifier.weight[0].abs()).argmin())
    weight, bias = fit(read.double().numpy(), languages)
    return LanguageUnit(
        unit=unit, usual=float(units[:, unit].mean()), weight=weight.tolist(), bias=float(bias)
    )


def fit(read: np.ndarray, languages: Sequence[str]) -> tuple[np.ndarray, float]:
    """Fisher's discriminant, rounded as it will be stored, `STEEPNESS` at the languages' means.

    Args:
        read: shape (pairs, hidden size).
        languages: "fr" or "en", one a pair.

    Returns:
        Weight of shape (hidden size,), and bias.
    """
    french = np.array([language == "fr" for language in languages])
    found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=[0.5, 0.5])
    whole, scale = quantise(found.fit(read, french).coef_.astype(np.float32))
    direction = dequantise({"unit": whole, "unit" + SCALE: scale})["unit"][0].astype(np.float64)
    high, low = (float((read[part] @ direction).mean()) for part in (french, ~french))
    steep = 2 * STEEPNESS / (high - low)
    return direction * steep, -(high + low) / 2 * steep
