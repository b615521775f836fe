"""What a model card is: what its publisher promises of a model, and what we know about loading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["PROTOCOLS", "Card", "Protocol", "Published", "Scale", "Task", "Way"]

Task = Literal["rerank", "embed"]
Scale = Literal["probability", "logit", "cosine"]
Way = Literal["sentence-transformers", "FlagEmbedding", "transformers"]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to measure a model.

    Attributes:
        name: what `pertinence evaluate --protocol` calls it, if that knows it.
        about: what is ranked, in one sentence.
        reproducible: whether `pertinence evaluate` knows it.
        comparable_only: the publisher does not say enough to repeat it exactly.
    """

    name: str
    about: str
    reproducible: bool = True
    comparable_only: bool = False


PROTOCOLS: Mapping[str, Protocol] = {
    each.name: each
    for each in (
        Protocol(
            name="mmarco-fr-small-dev",
            about="mMARCO-fr small dev: 6,980 queries with 1,000 candidates each, the positives and "
            "hard negatives of ColBERTv2",
        ),
        Protocol(
            name="mmarco-fr-500",
            about="mMARCO-fr small dev: 500 queries with their positives and up to 200 negatives of BM25; "
            "the card names neither the queries nor the negatives",
            comparable_only=True,
        ),
        Protocol(
            name="nanobeir-r100",
            about="NanoBEIR (NanoMSMARCO, NanoNFCorpus, NanoNQ): the first 100 of BM25, positives always "
            "among them, cut at 10, as sentence-transformers measures",
        ),
        Protocol(
            name="piaf-fr-bm25-20",
            about="PIAF, questions of the part that was held out: the first 20 of BM25",
            reproducible=False,
        ),
        Protocol(
            name="epqa-en-judged",
            about="ePQA, questions of the part that was held out: their ten judged candidates",
            reproducible=False,
        ),
        Protocol(
            name="msmarco-dev",
            about="MS MARCO passage, small dev: the first 1,000 of BM25",
            reproducible=False,
        ),
        Protocol(
            name="trec-dl-2019",
            about="TREC Deep Learning 2019, passages",
            reproducible=False,
        ),
        Protocol(
            name="mteb-fr",
            about="the French tasks of MTEB",
            reproducible=False,
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a publisher reports for one data set.

    Attributes:
        protocol: how it was measured, a key of `PROTOCOLS`.
        dataset: what it was measured on: `mmarco-fr`, `NanoNQ`, or `mean` over those of the protocol.
        metrics: fractions from 0 to 1 by name: `RP`, `MRR@10`, `nDCG@10`, `MAP`, `R@100`, ...
        source: where it stands.
    """

    protocol: str
    dataset: str
    metrics: Mapping[str, float]
    source: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of one model.

    Attributes:
        name: on the hub, or of the package that brings it.
        task: what it is for.
        languages: ISO 639-1 codes of what it was trained on for its task; `mul` for very many.
        multilingual: its base was pretrained on many more languages than that.
        parameters: how many numbers it has.
        megabytes: size of its weights as published; None where the card does not say.
        architecture: the class of transformers that runs it.
        max_length: tokens, special ones included, that it was trained to read; the default.
        scale: what its own settings make of its output, which is `score_kind="raw"`.
        ways: the libraries that its card shows.
        licence: SPDX identifier; None where its card names none.
        source: where this card's facts stand.
        published: what its publisher reports.
        notes: what is worth knowing when it is loaded, one sentence each.
    """

    name: str
    task: Task
    languages: tuple[str, ...]
    multilingual: bool = False
    parameters: int
    megabytes: int | None = None
    architecture: str
    max_length: int
    scale: Scale
    ways: tuple[Way, ...] = ()
    licence: str | None
    source: str
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def short_name(self) -> str:
        """Its name without its owner."""
        return self.name.rpartition("/")[2]

    def reads(self, language: str) -> bool:
        """Whether a text in this language is anything to it."""
        return self.multilingual or "mul" in self.languages or language.lower() in self.languages

    def figures(self, protocol: str) -> dict[str, Mapping[str, float]]:
        """What is published under this protocol: metrics by data set; empty where nothing is."""
        return {each.dataset: each.metrics for each in self.published if each.protocol == protocol}

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON-able data."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["published"] = [
            {
                "protocol": each.protocol,
                "dataset": each.dataset,
                "metrics": dict(each.metrics),
                "source": each.source,
            }
            for each in self.published
        ]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
