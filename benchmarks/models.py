"""The models of the speed table: random weights in the shapes of real rerankers, and the embedded default.

The shapes are those of the tests, borrowed as they are, so that what is timed is what is proven equal.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import Tokenizer

from benchmarks.texts import folder_of_data
from pertinence.local.loading import resolve
from pertinence.local.weights import write_float32
from pertinence.options import Options

# As tests/conftest.py does: the folder of tests is no distribution, and its helpers are of no use without it.
sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.models import SHAPES, build

__all__ = ["DEFAULT", "Model", "prepared"]

DEFAULT = "default"


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
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer, which neither cuts nor pads."""
        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


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
            build(name, folder, tokenizer=_tokenizer(name))
            yield Model(name=name, folder=folder, ours=str(folder))


def _tokenizer(name: str) -> Tokenizer | None:
    """The real XLM-R tokenizer for shapes of its kind, where it is at hand; otherwise the shape's small one.

    CamemBERT's own is not at hand; XLM-R's is of the same kind, and cuts French into pieces of like length.
    """
    data = folder_of_data()
    if data is None or SHAPES[name].model_type not in ("camembert", "xlm-roberta"):
        return None
    return Tokenizer.from_buffer(
        gzip.decompress((data / "tokenizers" / "xlm-roberta.tokenizer.json.gz").read_bytes())
    )
