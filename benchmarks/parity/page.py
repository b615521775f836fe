"""docs/models.md: written from the cards and from what was measured, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.parity.measure import BACKENDS, LONG, figures
from benchmarks.parity.subjects import SUBJECTS, Subject
from pertinence.cards import CARDS, PROTOCOLS, Card

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
_WAYS = ("sentence-transformers", "FlagEmbedding", "transformers")
_INTRODUCTION = """\
# Models

<!-- Written by `nox -s parity`: change benchmarks/parity/page.py or the cards in place of this page. -->

A name from this page loads with what its card promises: length, scale, loading path and licence note.
Any end of a name will do where it begins behind a `/`, `-` or `_` and fits one card alone
(`camembert-base-mmarcoFR`). Any other model loads by its own files. `pertinence models` lists the cards and
tells which models are on this machine; `pertinence doctor NAME` tells how one would run here.

Every model of this page was published by somebody else: we hold its name and what its card says, not its
weights. `hf download NAME` fetches it, or the first use does."""
_RULES = """\
## Loading rules

- **Length.** The card's is the default, `max_length` overrides it, up to the positions that the model has.
  Models of the RoBERTa family (CamemBERT, XLM-R) declare 514 positions and can use 512. The other libraries
  take what the files declare: give them the same `max_length` to see the same numbers.
- **Precision.** float32, whatever the checkpoint is stored in, unless a faster one was asked for or
  [proven](precision.md).
- **Code.** Nothing that a model brings is run, unless `trust_remote_code=True` asks for it. GTE models in
  their first form (`model_type: "new"`) are read by transformers' own class (5.18 or later): settings are
  translated, the rotary embedding's in particular, whose scaling multiplies the base by 8 and
  divides every frequency by 8^(2/64).
- **Two labels.** `probability` is the softmax of the one that means relevance: the last, unless the first
  alone is named so (`yes`, `true`, `relevant`, `positive`). `logit` is the difference of the two. `raw` is
  that label's number as `CrossEncoder.predict` gives it. Other numbers of labels are refused.
- **Language models that answer in words** (`LogitScore` of sentence-transformers) read a conversation in
  place of a pair. They are refused by that name; a server can run them, see [remote.md](remote.md).
- **What does not fit is told, not scored:** weights that are missing, cut short, without a head, or of
  another shape than `config.json` says, each with the file's name and, for a model of the hub, the command
  that fetches it."""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, _cards(), _RULES, _parity(), _reproduce()]
    return "\n\n".join(parts) + "\n"


def _cards() -> str:
    header = ("model", "task", "trained on", "size", "tokens", "own scale", "licence", "loaded")
    rows = [
        (
            _linked(card),
            card.task,
            _languages(card),
            f"{card.parameters / 1e6:.0f}M",
            str(card.max_length),
            card.scale,
            card.licence or "not named on its card",
            _loading(card),
        )
        for card in CARDS
    ]
    return "## The cards\n\n" + _table(header, rows)


def _linked(card: Card) -> str:
    return f"[`{card.name}`]({card.source})" if card.source.startswith("https:") else f"`{card.name}`"


def _languages(card: Card) -> str:
    if card.languages == ("mul",):
        return "many languages"
    named = ", ".join(card.languages)
    return f"{named}; base: many more" if card.multilingual else named


def _loading(card: Card) -> str:
    if card.name == "pertinence-mini":
        return "from the package"
    if card.architecture == "GteForSequenceClassification":
        return "settings translated to transformers' Gte class, no remote code"
    if card.task == "embed":
        return "as XLM-R with mean pooling and length 1, no remote code"
    return "as it is"


def _parity() -> str:
    header = ("model", *BACKENDS)
    rows = [(_names(each), *(_drifts(each, backend) for backend in BACKENDS)) for each in SUBJECTS.values()]
    return "\n\n".join(
        [
            "## The same numbers as each library that the cards show",
            "Largest difference over all pairs, in float32 on a CPU, from three libraries in this order: "
            "sentence-transformers (`CrossEncoder.predict`, probabilities; `SentenceTransformer.encode`, "
            "vectors), FlagEmbedding (`FlagReranker.compute_score`, logits) and transformers "
            "(`AutoModelForSequenceClassification`, logits); a dash where the card does not show that "
            "library. Weights are random, in the card's exact configuration and depth (the embedded "
            "default has its own), tokenizers are of the card's kind, XLM-R's the real one. Due: 1e-5 "
            "in torch, 1e-4 in onnxruntime and OpenVINO; for logits, times their spread.",
            _table(header, rows),
            *_long(),
            *_versions(),
        ]
    )


def _names(subject: Subject) -> str:
    return "<br>".join(f"`{name}`" for name in subject.cards)


def _drifts(subject: Subject, backend: str) -> str:
    found = figures(subject.name).get("drift", {}).get(backend, {})
    unknown = {way: "not measured" if way in subject.card.ways else "–" for way in _WAYS}
    return " / ".join(f"{found[way]:.0e}" if way in found else unknown[way] for way in _WAYS)


def _long() -> Iterator[str]:
    found = figures(LONG).get("long", {})
    told = ", ".join(f"{drifts['transformers']:.0e} on {name}" for name, drifts in sorted(found.items()))
    if told:
        yield f"One pair of 8,192 tokens through GTE at full depth, logits against transformers: {told}."


def _versions() -> Iterator[str]:
    found: dict[str, str] = {}
    for name in SUBJECTS:
        found |= figures(name).get("versions", {})
    if found:
        yield f"Measured with {', '.join(f'{name} {version}' for name, version in sorted(found.items()))}."


def _reproduce() -> str:
    blocks = [
        "## Reproduce a card's table",
        "Each command needs the hub, and prints what was measured beside what the card says.",
    ]
    for name, protocol in PROTOCOLS.items():
        cards = [card for card in CARDS if card.figures(name)]
        blocks.append(f"### {name if protocol.reproducible else protocol.about}")
        if protocol.reproducible:
            comparable = " The figures are comparable, not the same." if protocol.comparable_only else ""
            blocks.append(f"{protocol.about}.{comparable}")
            commands = [f"pertinence evaluate {card.name} --protocol {name}" for card in cards]
            blocks.append("```bash\n" + "\n".join(commands) + "\n```")
        else:
            blocks.append("Published figures, for which there is no command.")
        blocks.append(_published(cards, name))
    return "\n\n".join(blocks)


def _published(cards: Sequence[Card], protocol: str) -> str:
    rows = [(card, each) for card in cards for each in card.published if each.protocol == protocol]
    metrics = list(dict.fromkeys(metric for _, each in rows for metric in each.metrics))
    return _table(
        ("published", "data set", *metrics),
        [
            (
                f"`{card.short_name}`",
                each.dataset,
                *(f"{each.metrics[metric]:.4f}" if metric in each.metrics else "–" for metric in metrics),
            )
            for card, each in rows
        ],
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
