"""The models of the speed table: random weights in the shapes of real rerankers, and the embedded default.

The shapes are those of the tests, borrowed as they are, so that what is timed is what is proven equal.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from tokenizers import Tokenizer

from benchmarks.flops import Sizes
from benchmarks.texts import folder_of_data, real_texts
from pertinence.local.files.weights import write_float32
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options

# As tests/conftest.py does: the folder of tests is no distribution, and its helpers are of no use without it.
sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.models import SHAPES, build

__all__ = ["DEFAULT", "Model", "no_progress_bars", "own_cache", "prepared", "tokenizer_like"]

DEFAULT = "default"
# What CamemBERT's own tokenizer holds.
_PIECES = 32_005


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model under two names: as sentence-transformers loads it, and as ours is asked for it.

    Attributes:
        name: for the table.
        folder: float32 weights that sentence-transformers reads.
        ours: the same model for `Reranker`; None is the embedded default.
    """

    name: str
    folder: Path
    ours: str | None

    @property
    def trained(self) -> bool:
        """Whether its ranking means something."""
        return self.ours is None

    @cached_property
    def sizes(self) -> Sizes:
        """Of its encoder."""
        return Sizes.of(json.loads((self.folder / "config.json").read_text("utf-8")))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer, which neither cuts nor pads."""
        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


@contextmanager
def own_cache() -> Iterator[None]:
    """What is converted goes to a folder of this run, never to the user's."""
    with (
        TemporaryDirectory(prefix="pertinence-bench-") as cache,
        patch.dict(os.environ, PERTINENCE_CACHE=cache),
    ):
        yield


@contextmanager
def prepared(name: str) -> Iterator[Model]:
    """A model on disk, for as long as it is needed.

    Args:
        name: a shape of `support.models`, or `default` for the embedded one.
    """
    with TemporaryDirectory(prefix="pertinence-bench-") as place:
        folder = Path(place) / name
        folder.mkdir()
        if name == DEFAULT:
            write_float32(resolve(Options()).folder, folder)
            yield Model(name="embedded default", folder=folder, ours=None)
        else:
            no_progress_bars()
            build(name, folder, tokenizer=tokenizer_like(name))
            yield Model(name=name, folder=folder, ours=str(folder))


def no_progress_bars() -> None:
    """They would run across the tables."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def tokenizer_like(name: str) -> Tokenizer | None:
    """The real XLM-R tokenizer for shapes of its kind, where it is at hand; otherwise the shape's small one.

    CamemBERT's own is not at hand. XLM-R's is of the same kind and cuts French into pieces of like length;
    as many of its pieces are kept as CamemBERT has, so that the model takes as much memory as the real one.
    """
    data = folder_of_data()
    if data is None or SHAPES[name].model_type not in ("camembert", "gte", "xlm-roberta"):
        return None
    file = gzip.decompress((data / "tokenizers" / "xlm-roberta.tokenizer.json.gz").read_bytes())
    whole = Tokenizer.from_buffer(file)
    whole.no_truncation()
    whole.no_padding()
    return _fewer(whole, json.loads(file)) if SHAPES[name].model_type == "camembert" else whole


def _fewer(whole: Tokenizer, described: dict[str, Any]) -> Tokenizer:
    """The same with `_PIECES` pieces: those that the texts at hand are made of, then the likeliest."""
    pieces: list[tuple[str, float]] = described["model"]["vocab"]
    special = {each["content"] for each in described["added_tokens"]}
    used = {piece for each in whole.encode_batch(real_texts()) for piece in each.tokens}
    by_need = sorted(
        range(len(pieces)),
        key=lambda i: (pieces[i][0] not in special, pieces[i][0] not in used, -pieces[i][1]),
    )
    kept = [pieces[i] for i in sorted(by_need[:_PIECES])]
    ids = {piece: i for i, (piece, _) in enumerate(kept)}
    described["model"] |= {"vocab": kept, "unk_id": ids["<unk>"]}
    described |= {
        "truncation": None,
        "padding": None,
        "added_tokens": [each | {"id": ids[each["content"]]} for each in described["added_tokens"]],
    }
    return Tokenizer.from_str(json.dumps(described))
