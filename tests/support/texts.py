"""Texts written for the tests: enough French and English words to train a small tokenizer and fill pairs."""

from __future__ import annotations

import random

__all__ = ["QUERY", "WORDS", "passages"]

QUERY = "à quelle heure part le dernier train pour la montagne ?"

WORDS = [
    "Le dernier train pour la vallée part à vingt-deux heures dix du quai numéro quatre.",
    "En hiver, la ligne de montagne est fermée quand la neige dépasse un mètre sur le col.",
    "Pour faire lever la pâte, laissez-la reposer deux heures sous un torchon humide, loin du froid.",
    "Le jardinier taille les rosiers à la fin de l'hiver, quand les grandes gelées sont passées.",
    "Une facture d'eau se conteste par écrit, en joignant le relevé du compteur et une photographie.",
    "The museum opens at ten and the last visitors are let in forty minutes before it closes.",
    "Bring a warm coat: nights are cold up there, even in the middle of a hot summer.",
    "Her bicycle needed a new chain, two brake pads and a careful hour of cleaning.",
    "Ils ont repeint la façade en jaune, au grand étonnement des voisins et du maire.",
    "Water boils at a lower temperature on a mountain because the air presses less on it.",
    "Le médecin conseille de marcher une demi-heure par jour et de dormir davantage.",
    "When the battery is empty the lamp blinks three times and then goes dark.",
]


def passages(count: int, *, seed: int = 0, longest: int = 400) -> list[str]:
    """Passages of very different lengths, from no word at all to far over what a model takes."""
    draw = random.Random(seed)
    vocabulary = [word for sentence in WORDS for word in sentence.split()]
    lengths = [0, 1, longest, longest // 2]
    lengths += [
        min(longest, max(1, round(draw.lognormvariate(2.0, 1.1)))) for _ in range(count - len(lengths))
    ]
    return [" ".join(draw.choices(vocabulary, k=length)) for length in lengths[:count]]
