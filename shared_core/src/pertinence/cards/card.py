"""Model card: a publisher's statements about a model, and our knowledge about loading it."""

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
    """Protocol for measuring a model.

    Attributes:
        name: its name in `pertinence evaluate --protocol`, if that command supports it.
        about: one sentence on the queries and documents that are ranked.
        reproducible: True if `pertinence evaluate` supports it.
        comparable_only: True if the publisher does not give enough details to repeat it exactly.
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
    """Figures that a publisher reports for one data set.

    Attributes:
        protocol: protocol of the measurement, a key of `PROTOCOLS`.
        dataset: data set of the measurement: `mmarco-fr`, `NanoNQ`, or `mean` over those of the protocol.
        metrics: fractions from 0 to 1 by name: `RP`, `MRR@10`, `nDCG@10`, `MAP`, `R@100`, ...
        source: page or folder that contains the figures.
    """

    protocol: str
    dataset: str
    metrics: Mapping[str, float]
    source: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """Known facts about one model.

    Attributes:
        name: full name on the hub, or name of the package that contains it.
        task: task that it was trained for.
        languages: ISO 639-1 codes of the languages it was trained on for its task; `mul` for very many.
        multilingual: True if its base model was pretrained on many more languages than that.
        parameters: number of its parameters.
        megabytes: size of its published weights; None if the publisher's card does not give it.
        architecture: class of transformers that runs it.
        max_length: number of tokens, including special tokens, that it was trained to read; the default.
        scale: scale of its scores under its own settings, returned for `score_kind="raw"`.
        ways: libraries that the publisher's card shows.
        licence: SPDX identifier of its license; None if the publisher's card names none.
        source: page or folder that these facts come from.
        published: figures that its publisher reports.
        notes: facts worth knowing when it is loaded, one sentence each.
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
        """Name without the owner."""
        return self.name.rpartition("/")[2]

    def reads(self, language: str) -> bool:
        """Check whether the model or its base model was trained on this language."""
        return self.multilingual or "mul" in self.languages or language.lower() in self.languages

    def figures(self, protocol: str) -> dict[str, Mapping[str, float]]:
        """Return the figures published under this protocol: metrics by data set, empty if there are none."""
        return {each.dataset: each.metrics for each in self.published if each.protocol == protocol}

    def to_dict(self) -> dict[str, Any]:
        """Return the card as data that can be written as JSON."""
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
