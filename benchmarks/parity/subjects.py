"""What stands for each card: its architecture at full depth, random weights, a tokenizer of its kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.models import no_progress_bars, tokenizer_like
from pertinence.cards import CARDS, Card
from pertinence.local.files.weights import write_float32
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from support.embedders import build_embedder
from support.gte import to_legacy
from support.models import build
from support.texts import passages

__all__ = ["SUBJECTS", "Folders", "Subject", "folders"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One architecture, for all the cards that have it.

    Attributes:
        name: of its figures.
        cards: the models that it stands for.
        shape: a key of `support.models.SHAPES`; None for the embedded default, which has real weights.
        layers: its depth.
        pairs: how many pairs are scored.
        longest: words of the longest passage.
        deviation: of its weights, where that is not the tests' own.
    """

    name: str
    cards: tuple[str, ...]
    shape: str | None
    layers: int
    pairs: int = 24
    longest: int = 400
    deviation: float = 0.08

    @property
    def card(self) -> Card:
        """The first of its cards; the others differ in weights alone."""
        return next(card for card in CARDS if card.name == self.cards[0])

    @property
    def texts(self) -> list[str]:
        """Passages of very different lengths."""
        return passages(self.pairs, longest=self.longest)


@dataclass(frozen=True, kw_only=True)
class Folders:
    """The same weights twice: as other libraries load them, and as their publisher left them."""

    theirs: Path
    ours: Path


_SUBJECTS = (
    Subject(name="default", cards=("pertinence-mini",), shape=None, layers=6),
    Subject(
        name="camembert-12",
        cards=("antoinelouis/crossencoder-camembert-base-mmarcoFR",),
        shape="camembert-L2",
        layers=12,
    ),
    Subject(
        name="camembert-2",
        cards=("antoinelouis/crossencoder-camembert-L2-mmarcoFR",),
        shape="camembert-L2",
        layers=2,
    ),
    Subject(
        name="camembert-6",
        cards=("antoinelouis/crossencoder-distilcamembert-mmarcoFR",),
        shape="camembert-L2",
        layers=6,
    ),
    Subject(
        name="electra-12",
        cards=("antoinelouis/crossencoder-electra-base-french-mmarcoFR",),
        shape="electra-L2",
        layers=12,
    ),
    Subject(
        name="minilm-6",
        cards=("antoinelouis/crossencoder-mMiniLMv2-L6-mmarcoFR",),
        shape="mminilm-L6",
        layers=6,
    ),
    Subject(
        name="minilm-12",
        cards=(
            "antoinelouis/crossencoder-mMiniLMv2-L12-mmarcoFR",
            "cross-encoder/mmarco-mMiniLMv2-L12-H384-v1",
        ),
        shape="mminilm-L6",
        layers=12,
    ),
    Subject(
        name="gte-12",
        cards=(
            "Alibaba-NLP/gte-multilingual-reranker-base",
            "skfrost19/reranker-gte-multilingual-base-msmarco-bce",
        ),
        shape="gte-L2",
        layers=12,
        deviation=0.04,
    ),
    Subject(
        name="bge-24",
        cards=("BAAI/bge-reranker-v2-m3",),
        shape="bge-m3-L2",
        layers=24,
        deviation=0.04,
        pairs=8,
        longest=100,
    ),
    Subject(name="bert-6", cards=("cross-encoder/ms-marco-MiniLM-L6-v2",), shape="bert-minilm-L6", layers=6),
    Subject(
        name="bilingual-12",
        cards=("Lajavaness/bilingual-embedding-base",),
        shape="bilingual-L2",
        layers=12,
    ),
)
SUBJECTS: Mapping[str, Subject] = {each.name: each for each in _SUBJECTS}


@contextmanager
def folders(subject: Subject) -> Iterator[Folders]:
    """The subject on disk, for as long as it is needed; always the same weights."""
    no_progress_bars()
    with TemporaryDirectory(prefix="pertinence-parity-") as place:
        theirs, ours = Path(place) / "theirs", Path(place) / "ours"
        theirs.mkdir()
        if subject.shape is None:
            write_float32(resolve(Options()).folder, theirs)
            yield Folders(theirs=theirs, ours=resolve(Options()).folder)
            return
        tokenizer = tokenizer_like(subject.shape)
        if subject.card.task == "embed":
            build_embedder(subject.shape, theirs, tokenizer=tokenizer, layers=subject.layers)
        else:
            build(
                subject.shape,
                theirs,
                tokenizer=tokenizer,
                layers=subject.layers,
                deviation=subject.deviation,
            )
        yield Folders(theirs=theirs, ours=_published(subject, theirs, ours))


def _published(subject: Subject, theirs: Path, ours: Path) -> Path:
    """The folder as its publisher left it: another one where that is a form that other libraries refuse."""
    if subject.card.architecture == "GteForSequenceClassification":
        return to_legacy(shutil.copytree(theirs, ours))
    if subject.card.task == "embed":
        shutil.copytree(theirs, ours)
        config = json.loads((theirs / "config.json").read_text(encoding="utf-8"))
        coded = {"AutoModel": "dangvantuan/bilingual_impl--modeling.BilingualModel"}
        own = {"model_type": "bilingual", "architectures": ["BilingualModel"], "auto_map": coded}
        (ours / "config.json").write_text(json.dumps({**config, **own}), encoding="utf-8")
        return ours
    return theirs
